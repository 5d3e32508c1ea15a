"""A span that changes its length in place, and the reaper of one that died.

The size in the header fits the chunks at every moment: shrinking takes size
first and map second, growing the other way round, and RESIZE(slot, keep) says
meanwhile what stays. A neighbour claims and frees whatever is FREE.

    word     (kind, keep or length) of the head
    tails    what each chunk behind it is: FREE, T (of this span), N (the neighbour's)
    size     chunks that the header's size needs
"""

from explorer import Model, put, require

PROBLEMS = {
    "no-state",  # the word says SPAN all the time
    "size-last",  # shrinking frees the tails, then lowers the size
    "size-first",  # growing raises the size before it has the chunks
    "keep-new",  # growing keeps the new length if its thread dies
}


def build(chunks=4, problem=None):
    assert problem is None or problem in PROBLEMS
    return Resize(chunks, problem).model()


class Resize:
    """A state: (word, tails, size, pc, target, i, alive, neighbour)."""

    def __init__(self, chunks, problem):
        self.chunks, self.problem = chunks, problem

    def model(self):
        n = 2
        tails = ("T",) * (n - 1) + ("FREE",) * (self.chunks - n)
        return Model((("SPAN", n), tails, n, "idle", 0, 0, True, 1), self.steps, self.check)

    def steps(self, s):
        word, tails, size, pc, n, i, alive, neighbour = s
        if alive:
            yield from getattr(self, "at_" + pc)(*s)
            yield "it dies", (word, tails, size, "reap", n, 0, False, neighbour)
        else:
            yield from self.reap(s)
        for c, tail in enumerate(tails):
            if tail == "FREE" and neighbour:
                yield f"a neighbour claims {c + 1}", self.with_tail(s, c, "N")
            if tail == "N":
                yield f"a neighbour frees {c + 1}", self.with_tail(s, c, "FREE")

    def with_tail(self, s, c, tail):
        return (s[0], put(s[1], c, tail)) + s[2:]

    def resizing(self, old, n):
        if self.problem == "no-state":
            return ("SPAN", old)
        return ("RESIZE", n if self.problem == "keep-new" else min(old, n))

    def at_idle(self, word, tails, size, pc, target, i, alive, neighbour):
        old = word[1]
        for n in range(1, self.chunks + 1):
            if n < old:
                smaller = size if self.problem == "size-last" else min(size, n)
                yield f"size for {n}", (word, tails, smaller, "shrink", n, old, alive, neighbour)
            elif n > old:
                larger = n if self.problem == "size-first" else size
                yield f"to {n} chunks", (word, tails, larger, "grow", n, old, alive, neighbour)

    def at_shrink(self, word, tails, size, pc, n, old, alive, neighbour):
        word = self.resizing(old, n)
        yield "word: resizing", (word, tails, size, "cut", n, old, alive, neighbour)

    def at_cut(self, word, tails, size, pc, n, i, alive, neighbour):
        if i == n:
            word = ("SPAN", n)
            pc = "lower" if self.problem == "size-last" else "idle"
            yield "word: a span", (word, tails, size, pc, n, 0, alive, neighbour)
        else:
            require(tails[i - 2] == "T", f"tail {i - 1} is not the span's when it is cut")
            freed = put(tails, i - 2, "FREE")
            yield f"tail {i - 1} is free", (word, freed, size, "cut", n, i - 1, alive, neighbour)

    def at_lower(self, word, tails, size, pc, n, i, alive, neighbour):
        yield "size", (word, tails, min(size, n), "idle", 0, 0, alive, neighbour)

    def at_grow(self, word, tails, size, pc, n, old, alive, neighbour):
        word = self.resizing(old, n)
        yield "word: resizing", (word, tails, size, "stretch", n, old, alive, neighbour)

    def at_stretch(self, word, tails, size, pc, n, i, alive, neighbour):
        if i == n:
            yield "word: a span", (("SPAN", n), tails, size, "raise", n, 0, alive, neighbour)
        elif tails[i - 1] == "FREE":
            taken = put(tails, i - 1, "T")
            yield f"tail {i} is claimed", (word, taken, size, "stretch", n, i + 1, alive, neighbour)
        else:
            yield "no room", (word, tails, size, "undo", size, i, alive, neighbour)

    def at_undo(self, word, tails, size, pc, old, i, alive, neighbour):
        old = word[1] if self.problem != "keep-new" else size
        if i <= old:
            yield "word: as it was", (("SPAN", old), tails, size, "idle", 0, 0, alive, neighbour)
        else:
            freed = put(tails, i - 2, "FREE")
            yield f"tail {i - 1} is free", (word, freed, size, "undo", old, i - 1, alive, neighbour)

    def at_raise(self, word, tails, size, pc, n, i, alive, neighbour):
        yield "size", (word, tails, n, "idle", 0, 0, alive, neighbour)

    def reap(self, s):
        word, tails, size, pc, n, i, alive, neighbour = s
        if word[0] != "RESIZE":
            if pc == "reap":
                yield "nothing to reap", (word, tails, size, "reaped", 0, 0, False, neighbour)
            return
        keep = word[1]
        last = keep
        while last - 1 < len(tails) and tails[last - 1] == "T":
            last += 1
        if last > keep:
            yield f"reaped tail {last - 1}", self.with_tail(s, last - 2, "FREE")
        else:
            yield "reaped", (("SPAN", keep), tails, size, "reaped", 0, 0, False, neighbour)

    def check(self, s):
        word, tails, size, pc, n, i, alive, neighbour = s
        require(size <= word[1], f"the size needs {size} chunks, the word keeps {word[1]}")
        length = word[1] if pc != "undo" else size
        require(
            all(tail == "T" for tail in tails[: length - 1]),
            "a chunk of the span is not the span's",
        )

        if pc in ("idle", "reaped"):
            require("T" not in tails[word[1] - 1 :], "a tail is lost behind the span")


QUICK = [dict(chunks=5)]
LONG = [dict(chunks=8)]
BROKEN = [dict(problem=problem) for problem in sorted(PROBLEMS)]
