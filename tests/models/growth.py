"""Growth: `committed` rises by compare-exchange to what the host backs, and the
map's pieces stand where arithmetic says, zero meaning FREE.

Two threads grow at once and claim what they got; a third claims too. Chunks
above what is backed cannot be touched.

    backed, committed   in chunks
    words               who has claimed each chunk, None = FREE
    threads             (pc, what it knows of committed, what it read)
"""

from explorer import Model, put, require

PROBLEMS = {
    "store",  # committed is stored, not compared
    "commit-first",  # committed rises before the host backs it
    "cleared-piece",  # who grows clears the map's new piece, then publishes it
    "late-clear",  # who grows publishes the new piece, then clears it
}
START, MOST = 1, 3


def build(growers=2, deaths=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return Growth(growers, deaths, problem).model()


class Growth:
    def __init__(self, growers, deaths, problem):
        self.growers, self.deaths, self.problem = growers, deaths, problem

    def model(self):
        thread = ("grow", START, 0)
        first = (START, START, (None,) * MOST, (thread,) * self.growers, ())
        return Model(first, self.steps, self.check, self.end)

    def go(self, s, t, pc, knows=None, read=0, **changes):
        backed, committed, words, threads, _ = s
        knows = threads[t][1] if knows is None else knows
        return (
            changes.get("backed", backed),
            changes.get("committed", committed),
            changes.get("words", words),
            put(threads, t, (pc, knows, read)),
            (),
        )

    def steps(self, s):
        dead = sum(th[0] == "dead" for th in s[3])
        for t, th in enumerate(s[3]):
            if th[0] not in ("dead", "has", "full"):
                yield from getattr(self, "at_" + th[0])(s, t, th)
                if dead < self.deaths:
                    yield f"{t} dies", self.go(s, t, "dead")

    def at_grow(self, s, t, th):
        """The host backs one chunk more than this thread knows of, zeroed."""
        if self.problem == "commit-first":
            up = max(s[1], min(th[1] + 1, MOST))
            yield f"{t} commits", self.go(s, t, "back", committed=up)
            return
        backed = max(s[0], min(th[1] + 1, MOST))
        yield f"{t} grows to {backed}", self.go(s, t, "read", backed=backed)

    def at_back(self, s, t, th):
        yield f"{t} grows", self.go(s, t, "learn", backed=max(s[0], s[1]))

    def at_read(self, s, t, th):
        pc = "clear" if self.problem == "cleared-piece" else "commit"
        yield f"{t} reads committed", self.go(s, t, pc, read=(s[1], s[0]))

    def at_clear(self, s, t, th):
        seen, backed = th[2]
        words = s[2][:seen] + (None,) * (backed - seen) + s[2][backed:]
        pc = "commit" if self.problem == "cleared-piece" else "learn"
        yield f"{t} clears the piece", self.go(s, t, pc, read=th[2], words=words)

    def at_commit(self, s, t, th):
        seen, backed = th[2]
        if self.problem == "store":
            yield f"{t} stores {backed}", self.go(s, t, "learn", committed=backed)
        elif seen >= backed:
            yield f"{t} need not commit", self.go(s, t, "learn")
        elif s[1] == seen:
            pc = "clear" if self.problem == "late-clear" else "learn"
            yield f"{t} commits {backed}", self.go(s, t, pc, read=th[2], committed=backed)
        else:
            yield f"{t} lost committed", self.go(s, t, "read")

    def at_learn(self, s, t, th):
        pc = "claim" if s[1] > th[1] or s[1] == MOST else "grow"
        yield f"{t} learns", self.go(s, t, pc, knows=max(s[1], th[1]))

    def at_claim(self, s, t, th):
        for c in range(START, th[1]):
            require(c < s[0], f"chunk {c} is touched and not backed")
            if s[2][c] is None:
                yield f"{t} claims {c}", self.go(s, t, "has", read=c, words=put(s[2], c, t))
                return
        yield f"{t} finds all taken", self.go(s, t, "full" if th[1] == MOST else "grow")

    def check(self, s):
        for t, (pc, knows, read) in enumerate(s[3]):
            if pc == "has":
                require(s[2][read] == t, f"chunk {read} was claimed and is not any more")
        require(s[1] <= s[0], f"{s[1]} chunks are committed, {s[0]} are backed")
        require(
            all(knows <= s[1] for _, knows, _ in s[3]), "committed went down"
        )

    def end(self, s):
        served = [th for th in s[3] if th[0] == "has"]
        full = [th for th in s[3] if th[0] == "full"]
        require(not full or len(served) == MOST - START, "no room, and there is")


QUICK = [dict(growers=3, deaths=1)]
LONG = [dict(growers=4, deaths=2)]
BROKEN = [dict(growers=3, problem=problem) for problem in sorted(PROBLEMS)]
