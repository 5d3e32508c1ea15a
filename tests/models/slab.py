"""Blocks of one slab: who may change which label, and what finds freed blocks.

Labels are the truth; lists, caches and hints are conveniences. A free makes a live
block CACHED, whoever owns the slab, and its thread keeps it for its next malloc; later
it goes back: to the list of a slab that is its own or nobody's, else as XFREE, and a
hint follows, maybe for several at once. A block is noted in the slot before it is
CACHED, and as long as it is, or is XFREE without a hint; then the note may go. Owners
fill their caches from the list, collect, carve, settle, make way, park, release; the
chunk is a user's span in between, with bytes that look like labels. Each thread may die
between any two steps, or leave with nothing kept. Its reaper, which may die too, says in the slot that it is at it,
makes the slab ownerless and dirty, and hints at what is noted. What is CACHED by one
that is being reaped, or is gone, counts as XFREE, if the label still says so after the
slot was looked at. A compare-exchange of the chunk's word
succeeds if the word was not changed since it was read: epochs make that exact.

    word    (kind, owner, dirty)   kind: slab, free, span; owner: thread or None
    labels  F L X, a thread's number (CACHED by it), ? where none was written
    holder  per block: the thread that may use it, or None
    list    of the slab's entry, whoever owns it
    lives   how often the chunk may still become something else

A thread: alive, pc, cache, notes, untold (XFREE without a hint, as it knows), valid
(the word is what it read), used.
"""

from collections import namedtuple

from explorer import Model, put, require

State = namedtuple("State", "word labels fresh holder hints list lives threads")
Thread = namedtuple("Thread", "alive pc cache notes untold valid used")
OWN = ("cache", "notes", "untold", "valid", "used")

IDLE = ("idle",)
DEAD = ("dead",)
GONE = ("gone",)  # reaped
PROBLEMS = {
    "label-first",  # CACHED before the note
    "note-goes",  # the note goes before the hint is sent
    "fresh-first",  # `fresh` before the labels below it
    "counter",  # release by a counter of what hints told of
    "kept-list",  # what a thread keeps has labels that say FREE
    "above-fresh",  # collect believes labels above `fresh`
    "hints-inside",  # hints stand in the slab
    "hints-last",  # a rebuild clears the hints after it read the labels
    "not-dirty",  # a dead owner's notes are believed
    "reaper-leaves",  # the reaper does not hint at what is noted
    "one-look",  # a label is not read again after its thread's slot
    "reaped-first",  # what the dead kept counts as given back once all is hinted at
    "release-kept",  # release takes kept blocks for free ones
    "blind-return",  # a kept block goes to the list of whoever owns the slab
}


def build(threads=2, blocks=2, lives=1, deaths=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return Slab(threads, blocks, lives, deaths, problem).model()


class Slab:
    def __init__(self, threads, blocks, lives, deaths, problem):
        self.threads, self.blocks, self.lives = threads, blocks, lives
        self.deaths, self.problem = deaths, problem

    def model(self):
        thread = Thread(True, IDLE, (), 0, 0, False, 0)
        none = (None,) * self.blocks
        word, labels = ("slab", 0, False), ("?",) * self.blocks
        first = State(word, labels, 0, none, 0, (), self.lives, (thread,) * self.threads)
        return Model(first, self.steps, self.check)

    # --- changing a state -------------------------------------------------------

    def at(self, s, t, pc, **changes):
        """Thread t goes on to pc; what OWN names is its own, all else the state's;
        `label` is (block, label), `holds` (block, thread)."""
        own = {k: changes.pop(k) for k in OWN if k in changes}
        if self.problem != "counter":
            own.pop("used", None)
        elif "used" in own:
            own["used"] = max(0, min(own["used"], self.blocks))
        if "label" in changes:
            changes["labels"] = put(s.labels, *changes.pop("label"))
        if "holds" in changes:
            changes["holder"] = put(s.holder, *changes.pop("holds"))
        threads = put(s.threads, t, s.threads[t]._replace(pc=pc, **own))
        return s._replace(threads=threads, **changes)

    def reword(self, s, word):
        """The word changes: what anybody read of it is out of date."""
        threads = tuple(th._replace(valid=False) if th.valid else th for th in s.threads)
        return s._replace(word=word, threads=threads)

    def pushed(self, s, block):
        require(block not in s.list, f"block {block} is on the list twice")
        return tuple(sorted(s.list + (block,)))

    def given_back(self, s, label):
        """Whether the owner may take the block for free, and is to be told."""
        if label not in range(self.threads):
            return label == "X"
        th = s.threads[label]
        return th.pc == GONE if self.problem == "reaped-first" else not th.alive and th.pc != DEAD

    def kept(self, t):
        return "F" if self.problem == "kept-list" else t

    # --- steps --------------------------------------------------------------------

    def steps(self, s):
        dead = sum(not th.alive for th in s.threads)
        for t, th in enumerate(s.threads):
            if th.alive:
                yield from getattr(self, "at_" + th.pc[0])(s, t, th)
                if dead < self.deaths and self.may_leave(s, t, th):
                    left = th._replace(alive=False, pc=GONE, notes=0)
                    yield f"{t} leaves", s._replace(threads=put(s.threads, t, left))
                if dead < self.deaths:
                    # Of notes that may go by now all are gone, or none.
                    for notes in {th.notes, (1 << self.blocks) - 1}:
                        died = Thread(False, DEAD, (), notes, 0, False, 0)
                        yield f"{t} dies", s._replace(threads=put(s.threads, t, died))
            elif th.pc == DEAD:
                yield f"{t} is to be reaped", self.at(s, t, ("reap",))
            elif th.pc != GONE:
                yield from self.reap(s, t, th)
                if th.pc != ("reap",):
                    yield f"{t}'s reaper dies", self.at(s, t, ("reap",))

            if not th.alive:
                yield from self.hand_over(s, t)

    def may_leave(self, s, t, th):
        return th.pc == IDLE and not th.cache and not th.untold and s.word[1] != t

    def hand_over(self, s, t):
        """Blocks that it held go to who knows them, or to a reaper with free: true."""
        for block, holder in enumerate(s.holder):
            if holder == t:
                for u, other in enumerate(s.threads):
                    if other.alive:
                        yield f"{u} gets {block}", s._replace(holder=put(s.holder, block, u))

    def at_idle(self, s, t, th):
        kind, owner, _ = s.word
        for block in th.cache:
            rest = tuple(b for b in th.cache if b != block)
            yield f"{t} gives {block} back", self.at(s, t, ("give", block), cache=rest)
            if not th.untold:
                yield f"{t} takes {block}", self.at(s, t, ("allocate", block), cache=rest)
        if th.untold:
            hints, notes = self.hint(s, th.untold), th.notes & ~th.untold
            told = self.at(s, t, IDLE, hints=hints, untold=0, notes=notes)
            yield f"{t} sends hints", told
            return  # it gives back until then
        if kind == "slab" and owner == t:
            yield from self.own(s, t, th)
        if kind == "slab" and owner is None:
            yield f"{t} looks at the slab", self.at(s, t, ("adopt", None), valid=True)
        if kind == "free":
            yield from self.claim(s, t)
        if kind == "span" and owner == t:
            yield f"{t} frees the span", self.reword(s, ("free", None, False))
        for block, holder in enumerate(s.holder):
            if holder == t:
                yield from self.free(s, t, block)

    def at_allocate(self, s, t, th):
        """The label was looked at: it says that we keep the block."""
        block = th.pc[1]
        if self.problem == "kept-list" and s.labels[block] != "F":
            yield f"{t} drops {block}", self.at(s, t, IDLE)
            return
        require(s.holder[block] is None, f"block {block} is handed out while in use")
        require(s.word[0] == "slab", f"block {block} is handed out of what is no slab")
        notes = th.notes & ~(1 << block)
        live = self.at(s, t, IDLE, label=(block, "L"), holds=(block, t), notes=notes)
        yield f"{t} makes {block} live", live

    def free(self, s, t, block):
        require(
            s.word[0] == "slab" and s.labels[block] == "L" and block < s.fresh,
            f"block {block} is no live block of a slab when it is freed",
        )
        label, holds = (block, self.kept(t)), (block, None)
        if self.problem == "label-first":
            yield f"{t} frees {block}", self.at(s, t, ("keep", block), label=label, holds=holds)
            return
        # The note comes first: by itself it is one that stayed.
        th = s.threads[t]
        cache = tuple(sorted(th.cache + (block,)))
        notes = th.notes | 1 << block
        kept = self.at(s, t, IDLE, cache=cache, notes=notes, label=label, holds=holds)
        yield f"{t} frees {block}", kept

    def at_keep(self, s, t, th):
        block = th.pc[1]
        cache = tuple(sorted(th.cache + (block,)))
        yield f"{t} notes {block}", self.at(s, t, IDLE, cache=cache, notes=th.notes | 1 << block)

    # --- giving back -----------------------------------------------------------------

    def at_give(self, s, t, th):
        block = th.pc[1]
        kind, owner, _ = s.word
        require(kind == "slab", f"the slab of {block}, which is kept, is gone")
        if owner == t or self.problem == "blind-return":
            yield f"{t} labels {block} free", self.at(s, t, ("push", block), label=(block, "F"))
        elif owner is None:
            yield f"{t} sees nobody's", self.at(s, t, ("adopt", block), valid=True)
        else:
            yield f"{t} sees {owner}'s", self.at(s, t, ("retire", block))

    def at_push(self, s, t, th):
        listed, notes = self.pushed(s, th.pc[1]), th.notes & ~(1 << th.pc[1])
        pushed = self.at(s, t, IDLE, list=listed, used=th.used - 1, notes=notes)
        yield f"{t} lists {th.pc[1]}", pushed

    def at_retire(self, s, t, th):
        block = th.pc[1]
        require(s.word[0] == "slab", f"block {block} is retired in what is no slab")
        untold = th.untold | 1 << block
        notes = th.notes & ~untold if self.problem == "note-goes" else th.notes
        retired = self.at(s, t, IDLE, label=(block, "X"), untold=untold, notes=notes)
        yield f"{t} retires {block}", retired

    def hint(self, s, bits):
        if self.problem == "hints-inside":
            require(s.word[0] != "span", "a late hint is written into a user's bytes")
        return s.hints | bits

    # --- owning -------------------------------------------------------------------------

    def own(self, s, t, th):
        for block in s.list:
            rest = tuple(b for b in s.list if b != block)
            pops = self.at(s, t, ("fill", block), list=rest, used=th.used + 1)
            yield f"{t} pops {block}", pops
        if not s.list:
            if s.hints:
                yield f"{t} takes hints", self.at(s, t, ("collect", s.hints, IDLE), hints=0)
            elif s.fresh < self.blocks:
                yield from self.carve(s, t)
            else:
                yield f"{t} gives the slab up", self.parked(s, t)
        # Making way for another slab.
        way = ("collect", s.hints, ("settled",))
        yield f"{t} makes way", self.at(s, t, way, hints=0)
        # Trim and gather: all labels first.
        if s.list or any(self.given_back(s, label) for label in s.labels):
            yield f"{t} settles", self.rebuild_begin(s, t, True)

    def parked(self, s, t):
        return self.reword(self.at(s, t, IDLE), ("slab", None, False))

    def at_fill(self, s, t, th):
        block = th.pc[1]
        cache = tuple(sorted(th.cache + (block,)))
        require(s.labels[block] == "F", f"block {block} is on the list and not free")
        label, notes = (block, self.kept(t)), th.notes | 1 << block
        kept = self.at(s, t, IDLE, label=label, cache=cache, notes=notes)
        yield f"{t} keeps {block}", kept

    def carve(self, s, t):
        if self.problem == "fresh-first":
            yield f"{t} raises fresh", self.at(s, t, ("carve_label", s.fresh), fresh=s.fresh + 1)
        else:
            labelled = self.at(s, t, ("carved", s.fresh), label=(s.fresh, "F"))
            yield f"{t} labels {s.fresh}", labelled

    def at_carved(self, s, t, th):
        block = th.pc[1]
        yield (
            f"{t} raises fresh",
            self.at(s, t, IDLE, fresh=block + 1, list=self.pushed(s, block)),
        )

    def at_carve_label(self, s, t, th):
        block = th.pc[1]
        labelled = self.at(s, t, IDLE, label=(block, "F"), list=self.pushed(s, block))
        yield f"{t} labels {block}", labelled

    def looked(self, s, t, pc, block):
        """Whether the block is given back, if that is known by one look; else there is
        the step that reads its label, before that of the slot."""
        label = s.labels[block]
        if label not in range(self.threads):
            return label == "X", None
        return None, self.at(s, t, ("look", pc, block, label))

    def at_look(self, s, t, th):
        """The slot, and the label once more."""
        _, pc, block, label = th.pc
        given = self.given_back(s, label)
        given = given and (s.labels[block] == label or self.problem == "one-look")
        if pc[0] == "collect":
            yield from self.collect(s, t, th, pc, block, given)
        else:
            yield from self.list_or_pass(s, t, pc, block, given)

    def at_collect(self, s, t, th):
        _, bits, then = th.pc
        if not bits:
            yield f"{t} has collected", self.at(s, t, then)
            return
        block = (bits & -bits).bit_length() - 1
        if block >= s.fresh and self.problem != "above-fresh":
            yield from self.collect(s, t, th, th.pc, block, False)
            return
        given, look = self.looked(s, t, th.pc, block)
        if look:
            yield f"{t} looks at {block}", look
        else:
            yield from self.collect(s, t, th, th.pc, block, given)

    def collect(self, s, t, th, pc, block, given):
        _, bits, then = pc
        after = ("collect", bits & bits - 1, then)
        told = th.used - 1
        if given:
            listed = self.pushed(s, block)
            collected = self.at(s, t, after, label=(block, "F"), list=listed, used=told)
            yield f"{t} collects {block}", collected
        else:
            yield f"{t} passes {block} over", self.at(s, t, after, used=told)

    def at_adopt(self, s, t, th):
        block = th.pc[1]
        pc = IDLE if block is None else ("give", block)
        if not th.valid:
            yield f"{t} comes too late", self.at(s, t, pc)
            return
        mine = self.at(self.reword(s, ("slab", t, False)), t, pc, used=self.count(s))
        if s.word[2] and self.problem != "not-dirty":
            mine = self.rebuild_begin(mine, t, False, pc)
        yield f"{t} adopts the slab", mine

    def count(self, s):
        return sum(label != "F" for label in s.labels[: s.fresh])

    def rebuild_begin(self, s, t, settles, after=IDLE):
        hints = s.hints if self.problem == "hints-last" else 0
        used = self.count(s) - s.hints.bit_count()
        return self.at(s, t, ("rebuild", 0, settles, after), hints=hints, list=(), used=used)

    def at_rebuild(self, s, t, th):
        _, block, settles, after = th.pc
        if block >= s.fresh:
            hints = 0 if self.problem == "hints-last" else s.hints
            pc = ("settled",) if settles else after
            yield f"{t} has its list", self.at(s, t, pc, hints=hints)
            return
        given, look = self.looked(s, t, th.pc, block)
        if look:
            yield f"{t} looks at {block}", look
        else:
            yield from self.list_or_pass(s, t, th.pc, block, given or s.labels[block] == "F")

    def list_or_pass(self, s, t, pc, block, given):
        _, _, settles, after = pc
        ahead = ("rebuild", block + 1, settles, after)
        if given:
            listed = self.at(s, t, ahead, label=(block, "F"), list=self.pushed(s, block))
            yield f"{t} lists {block}", listed
        else:
            label, holder = s.labels[block], s.holder[block]
            require(
                (label == "L") == (holder is not None) and label != "?",
                f"block {block} below fresh is neither free nor anybody's",
            )
            yield f"{t} passes {block} over", self.at(s, t, ahead)

    def at_settled(self, s, t, th):
        free = ("F", *range(self.threads)) if self.problem == "release-kept" else ("F",)
        empty = all(label in free for label in s.labels[: s.fresh])
        if self.problem == "counter":
            empty = th.used <= 0
        if not empty or not s.fresh:
            yield f"{t} gives the slab up", self.parked(s, t)
            return
        for block in range(self.blocks):
            require(s.holder[block] is None, f"the slab is released, block {block} is in use")
        done = self.at(s, t, IDLE, list=())
        yield f"{t} releases the slab", self.reword(done, ("free", None, False))

    def claim(self, s, t):
        made = self.at(self.reword(s, ("slab", t, False)), t, IDLE, list=(), fresh=0, used=0)
        yield f"{t} makes a slab", made
        if s.lives:
            for byte in "LX":
                used = self.reword(s, ("span", t, False))
                used = used._replace(labels=(byte,) * self.blocks, lives=s.lives - 1)
                yield f"{t} makes a span of {byte}", used

    # --- death ------------------------------------------------------------------------

    def reap(self, s, t, th):
        """A reaper's steps: its pc says how far it is in the notes."""
        kind, owner, _ = s.word
        if th.pc == ("reap",):
            if owner == t and kind == "slab":
                dirty = self.problem != "not-dirty"
                yield f"{t}'s slab is nobody's", self.reword(s, ("slab", None, dirty))
            elif owner == t and kind == "span":
                yield f"{t}'s span is freed", self.reword(s, ("free", None, False))
            else:
                yield f"{t}'s notes are next", self.at(s, t, self.noted(th, 0))
        else:
            yield from self.reap_noted(s, t, th)

    def noted(self, th, block):
        """The next one that is noted."""
        while block < self.blocks and not th.notes >> block & 1:
            block += 1
        return ("noted", block)

    def reap_noted(self, s, t, th):
        block = th.pc[1]
        if block == self.blocks:
            yield f"{t} is reaped", self.at(s, t, GONE, notes=0)
            return
        if self.problem == "reaper-leaves":
            yield f"{t}'s {block} is passed over", self.at(s, t, self.noted(th, block + 1))
        else:
            hints = self.hint(s, 1 << block)
            told = self.at(s, t, self.noted(th, block + 1), hints=hints)
            yield f"{t}'s {block} is hinted at", told

    # --- what holds everywhere ----------------------------------------------------------

    def check(self, s):
        if s.word[0] != "slab":
            return
        in_hand, bits = set(), s.hints
        # Labels are about to be read, or will be by the next owner.
        rebuilt = s.word[2] or (s.word[1] is not None and not s.threads[s.word[1]].alive)
        for t, th in enumerate(s.threads):
            bits |= th.untold if th.alive else th.notes
            pc = th.pc[1] if th.pc[0] == "look" else th.pc
            if pc[0] == "collect":
                bits |= pc[1]
            rebuilt |= pc[0] == "rebuild" and s.word[1] == t
            if th.pc[0] in ("fill", "push", "carved", "carve_label"):
                in_hand.add(th.pc[1])
        for block in range(s.fresh):
            self.check_block(s, block, bits, rebuilt, in_hand)

    def check_block(self, s, block, bits, rebuilt, in_hand):
        label, holder = s.labels[block], s.holder[block]
        if holder is not None:
            require(label == "L", f"block {block} is in use and its label says {label}")
        elif label == "X" or (label in range(self.threads) and not s.threads[label].alive):
            told = rebuilt or bits >> block & 1
            require(told, f"block {block} was given back and nothing tells of it")
        elif label == "F" and self.problem != "kept-list":
            listed = rebuilt or block in s.list or block in in_hand
            require(listed, f"block {block} is free and on no list")
        elif label in range(self.threads):
            th = s.threads[label]
            kept = block in th.cache or block in th.pc[1:]
            # An adopter goes on to give it back after its rebuild.
            pc = th.pc[1] if th.pc[0] == "look" else th.pc
            kept = kept or (pc[0] == "rebuild" and block in pc[3][1:])
            require(kept, f"block {block} is kept by {label}, which does not know")


QUICK = [dict(blocks=2, lives=1, deaths=1)]
LONG = [
    dict(blocks=3, lives=0, deaths=0),
    dict(threads=3, blocks=1, lives=1, deaths=2),
]
BROKEN = [dict(problem=problem) for problem in sorted(PROBLEMS)]
