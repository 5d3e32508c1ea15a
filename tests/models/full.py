"""The verdict that there is no room: a claim's passes over the map.

A pass looks at the chunks one after the other, tries to claim where enough are
FREE in a row, and counts lost compare-exchanges. It proves that the heap is full
only if it lost none and met only such CLAIM and XFREE words as the pass before
had met, with the same epochs. So who is told that there is no room cannot find,
at the end, a run of chunks that nobody else ever touched; one of two claimers gets
on; and one that is stopped half-way does not keep another one looking for ever.

What a pass met in transition is kept as (chunk, whether it is still that word).
"""

from explorer import Model, put, require

PROBLEMS = {
    "give-up",  # a conflict counts as full
    "any-transit",  # words in transition keep it looking, also those of the stopped
}
PASSES = 6


def build(chunks=4, lengths=(3, 3), deaths=0, holder=False, problem=None):
    assert problem is None or problem in PROBLEMS
    return Full(chunks, lengths, deaths, holder, problem).model()


class Full:
    """A state: (words, threads). A thread:
    (pc, c, run, head, i, met, before, conflict, passes)."""

    def __init__(self, chunks, lengths, deaths, holder, problem):
        self.chunks, self.lengths, self.deaths = chunks, lengths, deaths
        self.holder, self.problem = holder, problem

    def model(self):
        start = ("pass", 0, 0, 0, 0, (), None, False, 0)
        words = ("FREE",) * self.chunks
        return Model((words, (start,) * len(self.lengths)), self.steps, None, self.end)

    def write(self, s, chunk, word):
        def since(met):
            return met and tuple((c, ok and c != chunk) for c, ok in met)

        threads = tuple(th[:5] + (since(th[5]), since(th[6])) + th[7:] for th in s[1])
        return put(s[0], chunk, word), threads

    def set(self, s, t, *values, **changes):
        names = ("pc", "c", "run", "head", "i", "met", "before", "conflict", "passes")
        th = s[1][t]
        for name, value in changes.items():
            th = put(th, names.index(name), value)
        return s[0], put(s[1], t, th)

    def steps(self, s):
        dead = sum(th[0] == "dead" for th in s[1])
        for t, th in enumerate(s[1]):
            if th[0] in ("pass", "claim", "undo", "free"):
                yield from getattr(self, "at_" + th[0])(s, t, th)
                if th[0] != "pass" and dead < self.deaths:
                    yield f"{t} is stopped", self.set(s, t, pc="dead")

    def at_pass(self, s, t, th):
        _, c, run, _, _, met, _, _, _ = th
        if c == self.chunks:
            yield from self.verdict(s, t, th)
            return
        word = s[0][c]
        if word == "FREE":
            run += 1
            if run == self.lengths[t]:
                head = c - run + 1
                yield f"{t} tries {head}", self.set(s, t, pc="claim", c=c + 1, run=0, head=head, i=0)
                return
            yield f"{t} passes {c}", self.set(s, t, c=c + 1, run=run)
            return
        if word in ("CLAIM", "XFREE"):
            met = met + ((c, True),)
        yield f"{t} meets {word} at {c}", self.set(s, t, c=c + 1, run=0, met=met)

    def at_claim(self, s, t, th):
        _, _, _, head, i, _, _, _, _ = th
        if i == self.lengths[t]:
            done = self.set(self.write(s, head, "SPAN"), t, pc="free" if self.holder else "has")
            yield f"{t} has {head}", done
        elif s[0][head + i] == "FREE":
            claimed = self.write(s, head + i, "TAIL" if i else "CLAIM")
            yield f"{t} claims {head + i}", self.set(claimed, t, i=i + 1)
        elif i:
            yield f"{t} loses {head + i}", self.set(s, t, pc="undo", conflict=True)
        else:
            yield f"{t} loses {head}", self.set(s, t, pc="pass", conflict=True)

    def at_undo(self, s, t, th):
        _, _, _, head, i, _, _, _, _ = th
        pc = "undo" if i > 1 else "pass"
        yield f"{t} undoes {head + i - 1}", self.set(self.write(s, head + i - 1, "FREE"), t, pc=pc, i=i - 1)

    def at_free(self, s, t, th):
        """It had its run, and gives it back: tails first, as XFREE says."""
        _, _, _, head, i, _, _, _, _ = th
        if s[0][head] == "SPAN":
            yield f"{t} frees {head}", self.write(s, head, "XFREE")
            return
        pc = "free" if i > 1 else "had"
        yield f"{t} frees {head + i - 1}", self.set(self.write(s, head + i - 1, "FREE"), t, pc=pc, i=i - 1)

    def verdict(self, s, t, th):
        met, before, conflict, passes = th[5], th[6], th[7], th[8]
        same = tuple(c for c, _ in met) == tuple(c for c, _ in before or ())
        same = same and all(ok for _, ok in before or ())
        if before is None:
            same = not met
        if self.problem == "give-up":
            full = True
        elif self.problem == "any-transit":
            full = not conflict and not met
        else:
            full = not conflict and same
        if full:
            yield f"{t} finds no room", self.set(s, t, pc="full", met=(), before=None)
            return
        if passes == PASSES:
            yield f"{t} looks for ever", self.set(s, t, pc="for-ever", met=(), before=None)
            return
        # What changed since it was met is not the same the next time.
        again = self.set(
            s, t, c=0, run=0, met=(), before=met, conflict=False, passes=passes + 1
        )
        yield f"{t} looks again", again

    def end(self, s):
        ends = [th[0] for th in s[1]]
        if "for-ever" in ends:
            others = [e for e in ends if e not in ("for-ever", "dead")]
            require(
                any(e in ("has", "had") for e in others),
                "a claimer looks for ever because of one that is stopped",
            )
        if "dead" not in ends and not self.holder:
            # Who claims single chunks undoes nothing: what is FREE always was.
            for t, end in enumerate(ends):
                others = self.lengths[:t] + self.lengths[t + 1 :]
                if end == "full" and max(others) == 1:
                    run = max(map(len, "".join("F" if w == "FREE" else " " for w in s[0]).split()), default=0)
                    require(run < self.lengths[t], "a claimer is told full, and there is room")
            require("has" in ends or "had" in ends, "no claimer has room, and there was for one")


QUICK = [
    dict(chunks=5, lengths=(1, 3)),
    dict(chunks=4, lengths=(3, 3)),
    dict(chunks=3, lengths=(2, 2), deaths=1),
    dict(chunks=3, lengths=(2, 3), holder=True),
]
LONG = [dict(chunks=3, lengths=(2, 1, 2)), dict(chunks=4, lengths=(3, 3), deaths=1)]
BROKEN = [
    dict(chunks=5, lengths=(1, 3), problem="give-up"),
    dict(chunks=3, lengths=(2, 2), deaths=1, problem="any-transit"),
]
