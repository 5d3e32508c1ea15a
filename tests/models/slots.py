"""Slots and epochs: reserve, attach, operate, detach; reap, its takeover, force.

Thread 0 is a worker that attaches, operates and leaves, maybe by a number that
thread 1 reserved for it. Threads 1 and 2 are attached and reap: who is proven
dead, and by force once whoever asks says so (then it must not be inside of an
operation). Each may die at any step, also while it reaps.

    slots    per slot (state, by, epoch); by: a thread's number (slot, epoch)
    threads  (pc, number or None, what it read or aims at)
    lives    how often the worker still attaches
    forced   numbers that were declared dead while they lived
"""

from explorer import Model, put, require

PROBLEMS = {
    "no-compare",  # entering an operation does not compare the slot's word
    "no-mark",  # reaping does not take the slot first
    "no-takeover",  # a reaper that died is not followed by another
    "blind-takeover",  # another one takes over without asking if the first is gone
    "same-epoch",  # a slot that becomes free keeps its epoch
    "kept-reservations",  # what a dead thread had reserved stays reserved
}


def build(lives=2, deaths=2, force=False, problem=None):
    assert problem is None or problem in PROBLEMS
    return Slots(lives, deaths, force, problem).model()


class Slots:
    def __init__(self, lives, deaths, force, problem):
        self.lives, self.deaths, self.force, self.problem = lives, deaths, force, problem

    def model(self):
        slots = (("FREE", None, 0), ("ALIVE", None, 0), ("ALIVE", None, 0))
        threads = (("new", None, None), ("idle", (1, 0), None), ("idle", (2, 0), None))
        first = (slots, threads, self.lives, ())
        return Model(first, self.steps, self.check, self.end)

    def go(self, s, t, pc, number=None, aim=None, slot=None):
        """Thread t goes on to pc; slot is (index, word) where it changes one."""
        slots = put(s[0], *slot) if slot else s[0]
        return (slots, put(s[1], t, (pc, number, aim))) + s[2:]

    def freed(self, epoch):
        return ("FREE", None, epoch if self.problem == "same-epoch" else epoch + 1)

    def steps(self, s):
        dead = sum(th[0] == "dead" for th in s[1])
        for t, (pc, number, aim) in enumerate(s[1]):
            if pc in ("dead", "refused", "gone"):
                continue
            yield from getattr(self, "at_" + pc)(s, t, number, aim)
            # One reaper always stays.
            if t < 2 and dead < self.deaths:
                yield f"{t} dies", self.go(s, t, "dead", number, aim)

    # --- coming, working, going -----------------------------------------------------

    def at_new(self, s, t, number, aim):
        if not s[2]:
            yield f"{t} has done", self.go(s, t, "gone")
            return
        for i, (state, by, epoch) in enumerate(s[0]):
            if state == "FREE" or (state == "RESERVED" and number == (i, epoch)):
                yield f"{t} looks at slot {i}", self.go(s, t, "take", number, (i, s[0][i]))

    def at_take(self, s, t, number, aim):
        i, word = aim
        if s[0][i] == word:
            slots = put(s[0], i, ("ATTACHING", None, word[2]))
            threads = put(s[1], t, ("enter", (i, word[2]), None))
            yield f"{t} takes slot {i}", (slots, threads, s[2] - 1, s[3])
        else:
            yield f"{t} lost slot {i}", self.go(s, t, "new")

    def at_enter(self, s, t, number, aim):
        i, epoch = number
        if s[0][i] == ("ATTACHING", None, epoch):
            alive = (i, ("ALIVE", None, epoch))
            yield f"{t} is attached", self.go(s, t, "idle", number, slot=alive)
        else:
            yield f"{t} is not attached", self.go(s, t, "refused", number)

    def attached(self, s, number):
        return s[0][number[0]] == ("ALIVE", None, number[1])

    def at_idle(self, s, t, number, aim):
        if t == 0:
            yield from self.work(s, t, number)
            return
        if not self.attached(s, number):
            yield f"{t} is refused", self.go(s, t, "refused", number)
            return
        if t == 1 and s[1][0][:2] == ("new", None) and s[2]:
            state, _, epoch = s[0][0]
            if state == "FREE":
                reserved = self.go(s, t, "idle", number, slot=(0, ("RESERVED", number, epoch)))
                given = put(reserved[1], 0, ("new", (0, epoch), None))
                yield "1 reserves slot 0", (reserved[0], given) + s[2:]
        for u, (pc, other, _) in enumerate(s[1]):
            if u != t and other and s[0][other[0]][0] != "FREE":
                # Who would be refused now asks later: so that there is an end.
                if self.refusal(s, number, other):
                    continue
                if pc == "dead" or other in s[3]:
                    yield f"{t} reaps {u}", self.go(s, t, "reap", number, other)
                elif self.force and u == 0 and pc == "idle" and not s[3]:
                    yield f"{u} is declared dead", s[:3] + (s[3] + (other,),)

    def work(self, s, t, number):
        if self.attached(s, number) or self.problem == "no-compare":
            require(self.holds(s, number), f"{t} works in slot {number[0]}, which is not its own")
            yield f"{t} begins to work", self.go(s, t, "inside", number)
            if number not in s[3]:
                leaving = (number[0], self.freed(number[1]))
                yield f"{t} leaves", self.go(s, t, "new", None, slot=leaving)
        else:
            yield f"{t} is refused", self.go(s, t, "refused", number)

    def at_inside(self, s, t, number, aim):
        yield f"{t} has worked", self.go(s, t, "idle", number)

    def holds(self, s, number):
        state, _, epoch = s[0][number[0]]
        return state == "ALIVE" and epoch == number[1]

    # --- reaping ------------------------------------------------------------------------

    def refusal(self, s, number, aim):
        """Why a reaper that reads the slot's word now goes no further, or None."""
        i, epoch = aim
        state, by, now = s[0][i]
        if state == "FREE" or now != epoch:
            return "gone"
        if state == "REAPING" and by != number and self.problem != "blind-takeover":
            if s[0][by[0]][2] == by[1] or self.problem == "no-takeover":
                return "another is at it"
        return None

    def at_reap(self, s, t, number, aim):
        i = aim[0]
        refusal = self.refusal(s, number, aim)
        if refusal:
            yield f"{t}: {refusal}", self.go(s, t, "idle", number)
            return
        yield f"{t} has read slot {i}", self.go(s, t, "mark", number, (aim, s[0][i]))

    def at_mark(self, s, t, number, aim):
        (i, epoch), word = aim
        if s[0][i] != word:
            yield f"{t}: unknown", self.go(s, t, "idle", number)
            return
        # The worker may have been declared dead only while it does not work.
        if s[1][0][0] == "inside" and (i, epoch) == s[1][0][1]:
            return
        mark = (i, word if self.problem == "no-mark" else ("REAPING", number, epoch))
        yield f"{t} marks slot {i}", self.go(s, t, "recover", number, (i, epoch), slot=mark)

    def at_recover(self, s, t, number, aim):
        """The pass over the map, the notes, the names, the reservations."""
        slots = tuple(
            self.freed(epoch)
            if state == "RESERVED" and by == aim and self.problem != "kept-reservations"
            else (state, by, epoch)
            for state, by, epoch in s[0]
        )
        yield f"{t} recovers slot {aim[0]}", self.go((slots,) + s[1:], t, "finish", number, aim)

    def at_finish(self, s, t, number, aim):
        i, epoch = aim
        mine = s[0][i] == ("REAPING", number, epoch) or self.problem == "no-mark"
        slot = (i, self.freed(epoch)) if mine else None
        yield f"{t} frees slot {i}", self.go(s, t, "idle", number, slot=slot)

    # --- what holds -----------------------------------------------------------------------

    def check(self, s):
        slots, threads, _, forced = s
        at_work = [th[2] for th in threads if th[0] in ("recover", "finish")]
        require(len(set(at_work)) == len(at_work), "two recover one slot at once")
        for t, (pc, number, _) in enumerate(threads):
            if number and pc in ("enter", "inside") or (number and pc == "idle" and t == 0):
                state, _, epoch = slots[number[0]]
                require(
                    number in forced or (epoch == number[1] and state in ("ATTACHING", "ALIVE")),
                    f"{t} lives and its slot says {state}, epoch {epoch}",
                )
                require(
                    all(u == t or th[1] != number or th[0] == "dead" for u, th in enumerate(threads)),
                    "two threads have one number",
                )

    def end(self, s):
        """Nobody has anything left to do: the dead hold nothing."""
        for i, (state, by, epoch) in enumerate(s[0]):
            require(state in ("FREE", "ALIVE"), f"slot {i} is lost: {state}")
            if state == "ALIVE":
                owners = [th for th in s[1] if th[1] == (i, epoch) and th[0] != "dead"]
                require(owners, f"slot {i} is lost: its thread is dead")


QUICK = [dict(lives=2, deaths=2), dict(lives=2, deaths=1, force=True)]
LONG = [dict(lives=3, deaths=2, force=True)]
BROKEN = [
    dict(problem="no-compare", force=True),
    dict(problem="no-mark"),
    dict(problem="no-takeover"),
    dict(problem="blind-takeover", force=True),
    dict(problem="same-epoch", force=True),
    dict(problem="kept-reservations"),
]
