"""`reap` with `free: true` against somebody who frees the same block.

A span's free is a compare-exchange of its word: of two at once one is told. In
WebAssembly so is a block's in a third thread's slab, of its label. By a store
both are told that they freed it, which is what users must not bring about
natively (docs/CONCURRENCY.md): that is the variant `store`, found broken here.

    word       the block's word: (LIVE, number of its life) or FREE
    holders    the thread that may use the block, None, or both that free it
    threads    (pc, what it read, result)
"""

from explorer import Model, put, require

PROBLEMS = {"store"}


def build(frees=2, reuses=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return FreeAll(frees, reuses, problem).model()


class FreeAll:
    """A state: (word, lives, threads): all `frees` threads free life 0."""

    def __init__(self, frees, reuses, problem):
        self.frees, self.reuses, self.problem = frees, reuses, problem

    def model(self):
        first = (("LIVE", 0), 0, (("look", None),) * self.frees)
        return Model(first, self.steps, None, self.end)

    def steps(self, s):
        word, lives, threads = s
        for t, (pc, read) in enumerate(threads):
            if pc == "look":
                pc = "refused" if word == "FREE" or word[1] > 0 else "free"
                yield f"{t} looks", (word, lives, put(threads, t, (pc, word)))
            elif pc == "free" and (word == read or self.problem == "store"):
                require(word == read, f"{t} frees a block that is another's by now")
                yield f"{t} frees", ("FREE", lives, put(threads, t, ("freed", None)))
            elif pc == "free":
                yield f"{t} is told", (word, lives, put(threads, t, ("refused", None)))
        if word == "FREE" and lives < self.reuses:
            # Of a word the epoch tells lives apart; of a label nothing would, if
            # it was as before: why owners must not be freed for at the same time.
            yield "a third allocates", (("LIVE", lives + 1), lives + 1, threads)

    def end(self, s):
        freed = sum(pc == "freed" for pc, _ in s[2])
        require(freed == 1, f"{freed} threads are told that they freed the block")


QUICK = [dict(frees=3, reuses=2)]
LONG = [dict(frees=4, reuses=3)]
BROKEN = [dict(problem="store")]
