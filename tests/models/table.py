"""A new piece of the slot table: claimed, cleared, published once.

Two threads double the table at once: claim a run, clear it, META(slot), the
run's chunk into `slot_piece` by compare-exchange, META(nobody); who comes second
releases its run. Each may die; a reaper finishes or frees by looking at
`slot_piece`.

    chunks    per chunk (kind, owner); bytes: cleared or not
    piece     the published chunk, or None
    threads   (pc, chunk)
"""

from explorer import Model, put, require

PROBLEMS = {
    "publish-first",  # published, then cleared
    "no-look",  # the reaper frees META without looking at slot_piece
    "kept-meta",  # the reaper leaves META alone
    "store-piece",  # slot_piece by a store: both publish
}


def build(threads=2, deaths=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return Table(threads, deaths, problem).model()


class Table:
    """A state: (chunks, cleared, piece, threads)."""

    def __init__(self, threads, deaths, problem):
        self.threads, self.deaths, self.problem = threads, deaths, problem

    def model(self):
        n = self.threads
        first = (("FREE",) * n, (False,) * n, None, (("claim", None),) * n)
        return Model(first, self.steps, self.check, self.end)

    def go(self, s, t, pc, chunk=None, word=None, cleared=None, piece=None):
        chunks, clean, published, threads = s
        c = chunk if chunk is not None else threads[t][1]
        if word is not None:
            chunks = put(chunks, c, word)
        if cleared is not None:
            clean = put(clean, c, cleared)
        published = c if piece else published
        return chunks, clean, published, put(threads, t, (pc, c))

    def steps(self, s):
        chunks, clean, piece, threads = s
        for t, (pc, c) in enumerate(threads):
            if pc in ("done", "reaped"):
                continue
            if pc == "dead":
                yield from self.reap(s, t, c)
                continue
            yield from getattr(self, "at_" + pc)(s, t, c)
            if sum(th[0] in ("dead", "reaped") for th in threads) < self.deaths:
                yield f"{t} dies", self.go(s, t, "dead")

    def at_claim(self, s, t, c):
        if s[2] is not None:
            yield f"{t} sees a piece", self.go(s, t, "done")
        for c, word in enumerate(s[0]):
            if word == "FREE":
                pc = "meta" if self.problem == "publish-first" else "clear"
                # Claimed memory holds anything.
                yield f"{t} claims {c}", self.go(s, t, pc, c, ("CLAIM", t), False)

    def at_clear(self, s, t, c):
        pc = "last" if self.problem == "publish-first" else "meta"
        yield f"{t} clears {c}", self.go(s, t, pc, cleared=True)

    def at_meta(self, s, t, c):
        yield f"{t} makes {c} META", self.go(s, t, "publish", word=("META", t))

    def at_publish(self, s, t, c):
        if s[2] is None or self.problem == "store-piece":
            pc = "clear" if self.problem == "publish-first" else "last"
            yield f"{t} publishes {c}", self.go(s, t, pc, piece=True)
        else:
            yield f"{t} is second", self.go(s, t, "done", word="FREE")

    def at_last(self, s, t, c):
        yield f"{t} makes {c} nobody's", self.go(s, t, "done", word=("META", None))

    def reap(self, s, t, c):
        word = s[0][c] if c is not None else None
        if word == ("CLAIM", t):
            yield f"{c} is freed", self.go(s, t, "reaped", word="FREE")
        elif word == ("META", t) and self.problem != "kept-meta":
            if s[2] == c and self.problem != "no-look":
                yield f"{c} is finished", self.go(s, t, "reaped", word=("META", None))
            else:
                yield f"{c} is freed", self.go(s, t, "reaped", word="FREE")
        else:
            yield f"{t} left nothing", self.go(s, t, "reaped")

    def check(self, s):
        chunks, clean, piece, _ = s
        if piece is not None:
            require(chunks[piece][0] == "META", "the published piece is not kept")
            require(clean[piece], "the published piece is not clear")

    def end(self, s):
        for c, word in enumerate(s[0]):
            if word != "FREE":
                require(word == ("META", None) and s[2] == c, f"chunk {c} is lost: {word}")


QUICK = [dict(threads=3, deaths=2)]
LONG = [dict(threads=3, deaths=3)]
BROKEN = [dict(problem=problem) for problem in sorted(PROBLEMS)]
