"""Blocks of one slab: who may change which label, and what finds freed blocks.

Labels are the truth; the list, the hints and the outboxes are caches. Threads
allocate and free as owner, free in another's slab (outbox, label, later a hint),
collect, carve, park, adopt, release; the chunk is a user's span in between, with
bytes that look like labels. Each thread may die between any two steps, and its
reaper, which may die too, makes its slab ownerless and dirty and sends its
outbox. A compare-exchange of the chunk's word succeeds if the word was not
changed since it was read: epochs make that exact.

    word    (kind, owner, dirty)   kind: slab, free, span; owner: thread or None
    labels  F L X per block, ? where none was written
    holder  per block: the thread that may use it, or None
    rest    what the notes say is on the list, of a slab that nobody owns
    lives   how often the chunk may still become something else
"""

from collections import namedtuple

from explorer import Model, put, require

State = namedtuple("State", "word labels fresh holder hints rest lives threads")
Thread = namedtuple("Thread", "alive pc list outbox valid used")

IDLE = ("idle",)
PROBLEMS = {
    "label-first",  # XFREE before the outbox entry
    "fresh-first",  # `fresh` before the labels below it
    "counter",  # release by a counter of what hints told of
    "kept-list",  # the list is still used after the slab was given up
    "above-fresh",  # collect believes labels above `fresh`
    "hints-inside",  # hints stand in the slab
    "hints-last",  # a rebuild clears the hints after it read the labels
    "not-dirty",  # a dead owner's notes are believed
    "reaper-forgets",  # the reaper does not send the outbox
}


def build(threads=2, blocks=2, lives=1, deaths=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return Slab(threads, blocks, lives, deaths, problem).model()


class Slab:
    def __init__(self, threads, blocks, lives, deaths, problem):
        self.threads, self.blocks, self.lives = threads, blocks, lives
        self.deaths, self.problem = deaths, problem

    def model(self):
        owner = Thread(True, IDLE, (), 0, False, 0)
        return Model(
            State(
                ("slab", 0, False),
                ("?",) * self.blocks,
                0,
                (None,) * self.blocks,
                0,
                (),
                self.lives,
                (owner,) * self.threads,
            ),
            self.steps,
            self.check,
        )

    # --- changing a state -------------------------------------------------------

    def at(self, s, t, pc, **changes):
        """Thread t goes on to pc; `list`, `outbox`, `valid`, `used` are its own,
        all else the state's."""
        own = {k: changes.pop(k) for k in ("list", "outbox", "valid", "used") if k in changes}
        if self.problem != "counter":
            own.pop("used", None)
        threads = put(s.threads, t, s.threads[t]._replace(pc=pc, **own))
        return s._replace(threads=threads, **changes)

    def reword(self, s, word):
        """The word changes: what anybody read of it is out of date."""
        threads = tuple(th._replace(valid=False) if th.valid else th for th in s.threads)
        return s._replace(word=word, threads=threads)

    def push(self, s, t, block):
        mine = s.threads[t].list
        require(block not in mine, f"block {block} is on the list twice")
        return tuple(sorted(mine + (block,)))

    # --- steps --------------------------------------------------------------------

    def steps(self, s):
        dead = sum(not th.alive for th in s.threads)
        for t, th in enumerate(s.threads):
            if th.alive:
                yield from getattr(self, "at_" + th.pc[0])(s, t, th)
                if dead < self.deaths:
                    died = th._replace(alive=False, pc=("reap",), list=(), valid=False)
                    yield f"{t} dies", s._replace(threads=put(s.threads, t, died))
            else:
                yield from self.reap(s, t, th)

    def at_idle(self, s, t, th):
        kind, owner, _ = s.word
        if kind == "slab" and owner == t:
            yield from self.own(s, t, th)
        elif self.problem == "kept-list" and kind == "slab":
            for block in th.list:
                rest = tuple(b for b in th.list if b != block)
                yield f"{t} pops {block}", self.at(s, t, ("allocate", block), list=rest)
        if kind == "slab" and owner is None:
            yield f"{t} looks at the slab", self.at(s, t, ("adopt", None), valid=True)
        if kind == "free":
            yield from self.claim(s, t)
        if kind == "span" and owner == t:
            free = s._replace(labels=s.labels)
            yield f"{t} frees the span", self.reword(free, ("free", None, False))
        for block, holder in enumerate(s.holder):
            if holder == t:
                yield from self.free(s, t, block)
        if th.outbox:
            yield f"{t} sends hints", self.at(s, t, ("sent",), hints=self.hint(s, th.outbox))

    def hint(self, s, bits):
        if self.problem == "hints-inside":
            require(s.word[0] != "span", "a late hint is written into a user's bytes")
        return s.hints | bits

    def at_sent(self, s, t, th):
        yield f"{t} clears its outbox", self.at(s, t, IDLE, outbox=0)

    def own(self, s, t, th):
        for block in th.list:
            rest = tuple(b for b in th.list if b != block)
            yield f"{t} pops {block}", self.at(s, t, ("allocate", block), list=rest)
        if not th.list:
            if s.hints:
                yield f"{t} takes hints", self.at(s, t, ("collect", s.hints), hints=0)
            elif s.fresh < self.blocks:
                yield from self.carve(s, t)
            else:
                yield f"{t} notes its list", self.at(s, t, ("park",), rest=())
        # Trim and gather: all labels first.
        if s.labels.count("X") or th.list:
            yield f"{t} settles", self.rebuild_begin(s, t, True)
        yield from self.release(s, t, th)

    def at_allocate(self, s, t, th):
        block = th.pc[1]
        require(s.holder[block] is None, f"block {block} is handed out while in use")
        yield (
            f"{t} makes {block} live",
            self.at(
                s,
                t,
                IDLE,
                labels=put(s.labels, block, "L"),
                holder=put(s.holder, block, t),
                used=th.used + 1,
            ),
        )

    def carve(self, s, t):
        if self.problem == "fresh-first":
            yield f"{t} raises fresh", self.at(s, t, ("carve_label", s.fresh), fresh=s.fresh + 1)
        else:
            labels = put(s.labels, s.fresh, "F")
            yield f"{t} labels {s.fresh}", self.at(s, t, ("carved", s.fresh), labels=labels)

    def at_carved(self, s, t, th):
        block = th.pc[1]
        yield (
            f"{t} raises fresh",
            self.at(s, t, IDLE, fresh=block + 1, list=self.push(s, t, block)),
        )

    def at_carve_label(self, s, t, th):
        block = th.pc[1]
        labels = put(s.labels, block, "F")
        yield f"{t} labels {block}", self.at(s, t, IDLE, labels=labels, list=self.push(s, t, block))

    def free(self, s, t, block):
        require(s.word[0] == "slab" and s.labels[block] == "L", f"free refuses block {block}")
        owner = s.word[1]
        if owner == t:
            yield f"{t} frees {block} as owner", self.at(s, t, ("free_own", block))
        elif owner is None:
            yield f"{t} frees {block}, nobody's", self.at(s, t, ("adopt", block), valid=True)
        else:
            yield f"{t} frees {block}, {owner}'s", self.at(s, t, ("note", block))

    def at_free_own(self, s, t, th):
        block = th.pc[1]
        freed = self.at(
            s,
            t,
            ("push", block),
            labels=put(s.labels, block, "F"),
            holder=put(s.holder, block, None),
            used=th.used - 1,
        )
        yield f"{t} labels {block} free", freed

    def at_push(self, s, t, th):
        yield f"{t} lists {th.pc[1]}", self.at(s, t, IDLE, list=self.push(s, t, th.pc[1]))

    def at_note(self, s, t, th):
        block = th.pc[1]
        if self.problem == "label-first":
            yield f"{t} retires {block}", self.retired(s, t, block, ("note_late", block))
        else:
            outbox = th.outbox | 1 << block
            yield f"{t} notes {block}", self.at(s, t, ("retire", block), outbox=outbox)

    def at_note_late(self, s, t, th):
        yield f"{t} notes {th.pc[1]}", self.at(s, t, IDLE, outbox=th.outbox | 1 << th.pc[1])

    def at_retire(self, s, t, th):
        yield f"{t} retires {th.pc[1]}", self.retired(s, t, th.pc[1], IDLE)

    def retired(self, s, t, block, pc):
        require(
            s.word[0] == "slab" and s.labels[block] == "L" and block < s.fresh,
            f"block {block} is no live block of a slab when it is freed",
        )
        return self.at(
            s, t, pc, labels=put(s.labels, block, "X"), holder=put(s.holder, block, None)
        )

    def at_collect(self, s, t, th):
        bits = th.pc[1]
        if not bits:
            yield f"{t} has collected", self.at(s, t, IDLE)
            return
        block = (bits & -bits).bit_length() - 1
        after = ("collect", bits & bits - 1)
        used = th.used - 1 if self.problem == "counter" else th.used
        if s.labels[block] == "X" and (block < s.fresh or self.problem == "above-fresh"):
            yield (
                f"{t} collects {block}",
                self.at(
                    s,
                    t,
                    after,
                    labels=put(s.labels, block, "F"),
                    list=self.push(s, t, block),
                    used=used,
                ),
            )
        else:
            yield f"{t} passes {block} over", self.at(s, t, after, used=used)

    def at_park(self, s, t, th):
        kept = th.list if self.problem == "kept-list" else ()
        given = self.at(s, t, IDLE, list=kept, rest=th.list)
        yield f"{t} gives the slab up", self.reword(given, ("slab", None, False))

    def at_adopt(self, s, t, th):
        block = th.pc[1]
        if not th.valid:
            yield f"{t} comes too late", self.at(s, t, IDLE)
            return
        dirty = s.word[2] and self.problem != "not-dirty"
        mine = self.reword(s, ("slab", t, False))
        mine = self.at(mine, t, IDLE, list=() if dirty else s.rest, used=self.count(s), rest=())
        if dirty:
            mine = self.rebuild_begin(mine, t, False)
        yield f"{t} adopts the slab", mine

    def count(self, s):
        return sum(label in "LX" for label in s.labels[: s.fresh])

    def rebuild_begin(self, s, t, settles):
        hints = s.hints if self.problem == "hints-last" else 0
        return self.at(s, t, ("rebuild", 0, settles), hints=hints, list=())

    def at_rebuild(self, s, t, th):
        _, block, settles = th.pc
        if block >= s.fresh:
            hints = 0 if self.problem == "hints-last" else s.hints
            pc = ("settled",) if settles else IDLE
            yield f"{t} has its list", self.at(s, t, pc, hints=hints, used=self.count(s))
        elif s.labels[block] in "FX":
            yield (
                f"{t} lists {block}",
                self.at(
                    s,
                    t,
                    ("rebuild", block + 1, settles),
                    labels=put(s.labels, block, "F"),
                    list=self.push(s, t, block),
                ),
            )
        else:
            require(
                s.labels[block] == "L" and s.holder[block] is not None,
                f"block {block} below fresh is neither free nor anybody's",
            )
            yield f"{t} passes {block} over", self.at(s, t, ("rebuild", block + 1, settles))

    def at_settled(self, s, t, th):
        yield from self.release(s, t, th)
        if s.fresh and not all(label == "F" for label in s.labels[: s.fresh]):
            yield from self.at_park(s, t, th)
        yield f"{t} keeps the slab", self.at(s, t, IDLE)

    def release(self, s, t, th):
        labels = s.labels[: s.fresh]
        empty = all(label == "F" for label in labels)
        if self.problem == "counter":
            empty = th.used <= 0
        if not empty or not s.fresh:
            return
        for block in range(self.blocks):
            require(s.holder[block] is None, f"the slab is released, block {block} is in use")
        done = self.at(s, t, IDLE, list=(), used=0)
        yield f"{t} releases the slab", self.reword(done, ("free", None, False))

    def claim(self, s, t):
        made = self.reword(s, ("slab", t, False))
        yield f"{t} makes a slab", self.at(made, t, IDLE, list=(), fresh=0, rest=(), used=0)
        if s.lives:
            for byte in "LX":
                used = self.reword(s, ("span", t, False))
                used = used._replace(labels=(byte,) * self.blocks, lives=s.lives - 1)
                yield f"{t} makes a span of {byte}", used

    # --- death ------------------------------------------------------------------------

    def reap(self, s, t, th):
        """A reaper's steps; it may die after each, and another begins anew."""
        kind, owner, _ = s.word
        if owner == t and kind == "slab":
            rest = s.rest if self.problem == "not-dirty" else ()
            word = ("slab", None, True)
            yield f"{t}'s slab is nobody's", self.reword(s._replace(rest=rest), word)
            return
        if owner == t and kind == "span":
            # Freed by the reaper, as free: true does.
            yield f"{t}'s span is freed", self.reword(s, ("free", None, False))
            return
        if th.outbox and self.problem == "reaper-forgets":
            yield f"{t}'s outbox is dropped", self.at(s, t, th.pc, outbox=0)
        elif th.outbox:
            hints = self.hint(s, th.outbox)
            yield f"{t}'s hints are sent", self.at(s, t, th.pc, hints=hints)
            yield f"{t}'s hints are sent", self.at(s, t, th.pc, hints=hints, outbox=0)
        # Blocks that it held go to who knows them, or to a reaper with free: true.
        for block, holder in enumerate(s.holder):
            if holder == t:
                for u, other in enumerate(s.threads):
                    if other.alive:
                        yield f"{u} gets {block}", s._replace(holder=put(s.holder, block, u))

    # --- what holds everywhere ----------------------------------------------------------

    def check(self, s):
        if s.word[0] != "slab":
            return
        in_hand = set()
        bits = s.hints
        rebuilding = s.word[2]
        for t, th in enumerate(s.threads):
            bits |= th.outbox
            if th.pc[0] == "collect":
                bits |= th.pc[1]
            if th.pc[0] == "rebuild" and s.word[1] == t:
                rebuilding = True
            if th.pc[0] in ("allocate", "push", "carved", "carve_label"):
                in_hand.add(th.pc[1])
            if th.pc[0] == "note_late":
                bits |= 1 << th.pc[1]
            if not th.alive and s.word[1] == t:
                rebuilding = True
        listed = set(s.rest)
        if s.word[1] is not None:
            listed |= set(s.threads[s.word[1]].list)
        for block in range(s.fresh):
            label = s.labels[block]
            if s.holder[block] is not None:
                require(label == "L", f"block {block} is in use and its label says {label}")
                continue
            if rebuilding:
                continue
            if label == "X":
                require(bits >> block & 1, f"block {block} was freed and nothing tells of it")
            if label == "F":
                require(
                    block in listed or block in in_hand,
                    f"block {block} is free and on no list",
                )


QUICK = [dict(blocks=2, lives=0, deaths=1), dict(blocks=2, lives=1, deaths=0)]
LONG = [
    dict(blocks=2, lives=1, deaths=1),
    dict(blocks=3, lives=0, deaths=0),
    dict(threads=3, blocks=1, lives=1, deaths=2),
]
BROKEN = [dict(problem=problem) for problem in sorted(PROBLEMS)]
