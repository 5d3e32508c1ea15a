"""What makes a block live: one store, after all that it speaks for.

A thread claims a chunk, makes a block of it (a span: its number into the map's
entry and its size into the header, then CLAIM becomes SPAN; or a block of a slab:
one store of state and size), frees it, and does so again with another size; it may
die at any step. A walker reads the word, what it finds there, and the word again,
and believes what it found if the word is the same. Its size and thread must be
those of one life.

    word    (kind, epoch)      number, state, size   as they stand in memory
    life    the life that is being made; sizes are its number
"""

from explorer import Model, put, require

PROBLEMS = {
    "commit-first",  # the word says SPAN before the header is there
    "number-last",  # and before the thread's number is
    "torn",  # a slab's header in two stores, the state first
    "single-look",  # the walker does not look at the word again
}
LIVES = 2


def build(slab=False, walkers=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return Commit(slab, walkers, problem).model()


class Commit:
    """A state: (word, memory (number, state, size), life, pc, alive, walkers)."""

    def __init__(self, slab, walkers, problem):
        self.slab, self.walkers, self.problem = slab, walkers, problem
        if slab:
            self.order = ["label"]
            if problem == "torn":
                self.order = ["state", "size"]
        else:
            self.order = {
                "commit-first": ["word", "number", "size"],
                "number-last": ["size", "word", "number"],
            }.get(problem, ["number", "size", "word"])

    def model(self):
        word = ("SLAB", 0) if self.slab else ("FREE", 0)
        walkers = (("look", None, None),) * self.walkers
        return Model((word, (0, "FREE", 0), 1, 0, True, walkers), self.steps)

    def write(self, s, what):
        word, (number, state, size), life = s[0], s[1], s[2]
        if what == "word":
            word = ("SPAN", word[1] + 1)
        elif what == "number":
            number = life
        elif what == "size":
            size, state = life, state if self.slab else "LIVE"
        elif what == "state":
            state = "LIVE"
        else:
            state, size, number = "LIVE", life, life
        return (word, (number, state, size)) + s[2:]

    def steps(self, s):
        word, memory, life, pc, alive, walkers = s
        if alive and life <= LIVES:
            yield "it dies", s[:4] + (False,) + s[5:]
            if pc == 0 and not self.slab:
                claim = ("CLAIM", word[1] + 1)
                yield "it claims", (claim, memory, life, 1, alive, walkers)
            elif pc - (not self.slab) < len(self.order):
                what = self.order[pc - (not self.slab)]
                written = self.write(s, what)
                yield f"it writes the {what}", written[:3] + (pc + 1,) + written[4:]
            else:
                yield "it frees", self.freed(s)
        for t, walker in enumerate(walkers):
            for what, after in self.walk(s, walker):
                yield what, s[:5] + (put(walkers, t, after),)

    def freed(self, s):
        word, (number, _, size), life, _, alive, walkers = s
        if self.slab:
            return (word, (number, "FREE", size), life + 1, 0, alive, walkers)
        # What stands in the chunk stays there.
        return (("FREE", word[1] + 1), s[1], life + 1, 0, alive, walkers)

    def walk(self, s, walker):
        pc, word, found = walker
        if pc == "look" and s[0][0] in ("SPAN", "SLAB"):
            yield "the walker sees it", ("header", s[0], None)
        elif pc == "header":
            # A header is one load; of a span the number stands elsewhere.
            number = s[1][0] if self.slab else None
            yield "the walker reads the header", ("number", word, (number,) + s[1][1:])
        elif pc == "number":
            number = found[0] if self.slab else s[1][0]
            yield "the walker reads the number", ("again", word, (number,) + found[1:])
        elif pc == "again":
            number, state, size = found
            if (word == s[0] or self.problem == "single-look") and state == "LIVE":
                require(size == number, f"a walk finds size {size} with thread {number}")
            yield "the walker believes it", ("look", None, None)


QUICK = [dict(), dict(slab=True)]
LONG = [dict(walkers=2), dict(slab=True, walkers=3)]
BROKEN = [
    dict(problem="commit-first"),
    dict(problem="number-last"),
    dict(slab=True, problem="torn"),
    dict(problem="single-look"),
]
