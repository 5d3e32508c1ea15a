"""Runs of chunks: claim, undo, commit, release; deaths, and two that repair.

Each chunk has a word: FREE, a head (CLAIM, SPAN, XFREE with the id of its run) or
a TAIL(distance). Every change is a compare-exchange that raises the word's epoch:
it succeeds if the word was not changed since it was read. What a thread has read
and still relies on is kept as `reads`: (chunk, content, whether it still is so).

`helpers` of the dead walk at once: in the heap only one reaper works on a slot,
but a reaper that was taken for dead, or a releasing thread that was, must not do
harm either. Ids stand for slots; a ghost says which run each chunk belongs to.
"""

from explorer import Model, put, require

FREE = ("FREE",)
PROBLEMS = {
    "blind-helper",  # frees tails without reading the head again
    "head-first",  # undo and release free the head, then the tails
    "tails-up",  # tails are freed from left to right
    "late-read",  # the tail is read after the head was
    "helper-stores",  # a helper's store in place of a compare-exchange
}


def build(chunks=4, claimers=2, length=2, helpers=1, deaths=1, lives=1, problem=None):
    assert problem is None or problem in PROBLEMS
    return Spans(chunks, claimers, length, helpers, deaths, lives, problem).model()


class Spans:
    """A state: (words, ghost, threads). A thread: (pc, head, i, reads, lives)."""

    def __init__(self, chunks, claimers, length, helpers, deaths, lives, problem):
        self.chunks, self.claimers, self.length = chunks, claimers, length
        self.helpers, self.deaths, self.lives = helpers, deaths, lives
        self.problem = problem

    def model(self):
        idle = ("idle", 0, 0, (), self.lives)
        helper = ("help", 0, 0, (), 0)
        threads = (idle,) * self.claimers + (helper,) * self.helpers
        words = (FREE,) * self.chunks
        return Model((words, (None,) * self.chunks, threads), self.steps, self.check, self.end)

    def write(self, s, chunk, word, ghost=False):
        """The word changes, so what was read of it is so no more."""
        words, owners, threads = s
        threads = tuple(
            (pc, head, i, tuple((c, w, ok and c != chunk) for c, w, ok in reads), lives)
            for pc, head, i, reads, lives in threads
        )
        owners = owners if ghost is False else put(owners, chunk, ghost)
        return put(words, chunk, word), owners, threads

    def go(self, s, t, pc, head=None, i=None, reads=None):
        words, owners, threads = s
        was = threads[t]
        now = (
            pc,
            was[1] if head is None else head,
            was[2] if i is None else i,
            was[3] if reads is None else reads,
            was[4],
        )
        return words, owners, put(threads, t, now)

    def steps(self, s):
        threads = s[2]
        dead = sum(th[0] == "dead" for th in threads)
        for t, th in enumerate(threads):
            yield from getattr(self, "at_" + th[0])(s, t, th)
            if t < self.claimers and th[0] not in ("dead", "idle") and dead < self.deaths:
                yield f"{t} dies", self.go(s, t, "dead", reads=())

    # --- a claimer ---------------------------------------------------------------

    def at_idle(self, s, t, th):
        if not th[4]:
            return
        for head in range(self.chunks - self.length + 1):
            if s[0][head] == FREE:
                words, owners, threads = self.write(s, head, ("CLAIM", t), t)
                threads = put(threads, t, ("claim", head, 1, (), th[4] - 1))
                yield f"{t} claims {head}", (words, owners, threads)

    def at_claim(self, s, t, th):
        _, head, i, _, _ = th
        if i == self.length:
            yield f"{t} commits {head}", self.go(self.write(s, head, ("SPAN", t)), t, "held")
        elif s[0][head + i] == FREE:
            claimed = self.write(s, head + i, ("TAIL", i), t)
            yield f"{t} claims tail {head + i}", self.go(claimed, t, "claim", i=i + 1)
        else:
            yield f"{t} meets another at {head + i}", self.go(s, t, "cut", i=i)

    def at_held(self, s, t, th):
        yield f"{t} frees {th[1]}", self.go(self.write(s, th[1], ("XFREE", t)), t, "cut", i=self.length)

    # --- span_cut, by whoever: tails from i - 1 down to 1, then the head ------------

    def tails(self, words, head):
        """How many tails follow."""
        i = 1
        while head + i < self.chunks and words[head + i] == ("TAIL", i):
            i += 1
        return i

    def at_cut(self, s, t, th):
        _, head, i, _, _ = th
        words = s[0]
        if self.problem == "head-first" and words[head] in (("CLAIM", t), ("XFREE", t)):
            yield f"{t} frees head {head}", self.go(self.write(s, head, FREE, None), t, "cut")
            return
        if i <= 1:
            yield f"{t} looks at head {head}", self.go(s, t, "head", reads=((head, words[head], True),))
            return
        tail = head + (self.length - i + 1 if self.problem == "tails-up" else i - 1)
        reads = ((tail, words[tail], True),)
        yield f"{t} reads tail {tail}", self.go(s, t, "look", i=i - 1, reads=reads)

    def at_look(self, s, t, th):
        """Reads the head once more: is it still the run that is cut?"""
        _, head, _, reads, _ = th
        word = s[0][head]
        mine = (("CLAIM", t), ("XFREE", t)) if t < self.claimers else (self.helped(th),)
        if word in mine and self.problem == "late-read":
            yield f"{t} sees head {head}", self.go(s, t, "late")
        elif word in mine or self.problem in ("blind-helper", "head-first"):
            yield f"{t} sees head {head}", self.go(s, t, "tail", reads=reads)
        else:
            yield f"{t} sees another head at {head}", self.go(s, t, self.stop(t), reads=())

    def at_late(self, s, t, th):
        reads = th[3]
        tail = reads[0][0]
        reads = ((tail, s[0][tail], True),) + reads[1:]
        yield f"{t} reads tail {tail}", self.go(s, t, "tail", reads=reads)

    def helped(self, th):
        return th[3][-1][1]

    def stop(self, t):
        return "idle" if t < self.claimers else "help"

    def at_tail(self, s, t, th):
        _, head, i, reads, _ = th
        tail, word, same = reads[0]
        back = "cut" if t < self.claimers else "walk"
        rest = reads[1:]
        ok = same or (self.problem == "helper-stores" and t >= self.claimers)
        if word == ("TAIL", tail - head) and ok:
            freed = self.write(s, tail, FREE, None)
            threads = freed[2]
            yield f"{t} frees tail {tail}", self.go(freed, t, back, reads=threads[t][3][1:])
        else:
            yield f"{t} passes tail {tail} over", self.go(s, t, back, reads=rest)

    def at_head(self, s, t, th):
        _, head, _, reads, _ = th
        chunk, word, same = reads[-1]
        if same and word[0] in ("CLAIM", "XFREE"):
            yield f"{t} frees head {head}", self.go(self.write(s, head, FREE, None), t, self.stop(t), reads=())
        else:
            yield f"{t} is too late for {head}", self.go(s, t, self.stop(t), reads=())

    # --- a helper: repairs what the dead left ------------------------------------------

    def at_dead(self, s, t, th):
        return ()

    def at_help(self, s, t, th):
        words, _, threads = s
        for head, word in enumerate(words):
            if word[0] in ("CLAIM", "XFREE") and threads[word[1]][0] == "dead":
                i = self.tails(words, head)
                reads = ((head, word, True),)
                yield f"helper {t} finds {head}", self.go(s, t, "walk", head, i, reads)

    def at_walk(self, s, t, th):
        """Like cut; the head's word as it was found comes last in `reads`."""
        _, head, i, reads, _ = th
        if i <= 1:
            yield f"helper {t} is at head {head}", self.go(s, t, "head")
            return
        tail = head + i - 1
        read = ((tail, s[0][tail], True),) + reads
        yield f"helper {t} reads tail {tail}", self.go(s, t, "look", i=i - 1, reads=read)

    # --- what holds -----------------------------------------------------------------------

    def check(self, s):
        words, owners, threads = s
        for head, word in enumerate(words):
            if word[0] != "SPAN":
                continue
            for i in range(1, self.length):
                require(
                    words[head + i] == ("TAIL", i) and owners[head + i] == word[1],
                    f"chunk {head + i} was taken from a committed span",
                )

    def end(self, s):
        """No step is left: the dead were repaired."""
        for chunk, word in enumerate(s[0]):
            if word[0] == "TAIL":
                head = s[0][chunk - word[1]]
                require(head[0] == "SPAN", f"chunk {chunk} is lost: its head is {head}")
            elif word[0] != "SPAN":
                require(word == FREE, f"chunk {chunk} is lost: {word}")


QUICK = [
    dict(chunks=4, claimers=2, length=3, helpers=1, lives=2),
    dict(chunks=3, claimers=2, length=2, helpers=2),
]
LONG = [
    dict(chunks=4, claimers=2, length=3, helpers=2, deaths=2, lives=2),
    dict(chunks=4, claimers=3, length=2, helpers=1),
]
BROKEN = [
    dict(chunks=3, length=3, helpers=2, problem="blind-helper"),
    dict(chunks=4, length=3, problem="head-first"),
    dict(chunks=4, length=3, problem="tails-up"),
    dict(chunks=3, length=2, helpers=2, problem="late-read"),
    dict(chunks=3, length=2, helpers=2, problem="helper-stores"),
]
