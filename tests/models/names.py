"""Names: FREE, CLAIM(thread), READY; setters that die, their reaper, a reader.

    entries   per entry (state, text, value)
    threads   per setter (pc, entry)
"""

from explorer import Model, put, require

FREE = ("FREE", None, None)
PROBLEMS = {
    "ready-first",  # READY before the text
    "nameless-claim",  # CLAIM does not say whose: nobody can take it back
    "freed-ready",  # the reaper takes back READY entries of the dead too
}


def build(setters=2, entries=2, deaths=1, texts="aa", problem=None):
    assert problem is None or problem in PROBLEMS
    return Names(setters, entries, deaths, texts, problem).model()


class Names:
    def __init__(self, setters, entries, deaths, texts, problem):
        self.setters, self.entries, self.deaths = setters, entries, deaths
        self.texts, self.problem = texts, problem

    def model(self):
        threads = (("look", 0),) * self.setters
        return Model(((FREE,) * self.entries, threads, None), self.steps, None, self.end)

    def go(self, s, t, pc, entry=0, entries=None):
        return (entries or s[0], put(s[1], t, (pc, entry)), s[2])

    def steps(self, s):
        entries, threads, seen = s
        for t, (pc, _) in enumerate(threads):
            if pc in ("done", "full", "reaped"):
                continue
            if pc != "dead":
                yield from getattr(self, "at_" + pc)(s, t)
                if sum(th[0] in ("dead", "reaped") for th in threads) < self.deaths:
                    yield f"{t} dies", self.go(s, t, "dead")
            else:
                yield "a reaper", self.go(s, t, "reaped", 0, self.reap(entries, t))
        # A reader remembers what it once found under the first text.
        for state, text, value in entries:
            if state == "READY":
                require(text is not None, "a READY entry has no text")
                require(value is not None, "a READY entry has a value that nobody gave it")

    def reap(self, entries, t):
        taken = {("CLAIM", t)}
        if self.problem == "freed-ready":
            taken.add(("READY", t))
        return tuple(
            FREE if e[0] in taken or (e[0] == "READY" and ("READY", t) in taken and e[2] == t) else e
            for e in entries
        )

    def find(self, entries, t):
        for e, (state, text, _) in enumerate(entries):
            if state == "READY" and text == self.texts[t]:
                return e
        return None

    def at_look(self, s, t):
        found = self.find(s[0], t)
        if found is None:
            yield f"{t} finds no name", self.go(s, t, "claim", 0)
        else:
            yield f"{t} finds {found}", self.go(s, t, "value", found)

    def at_claim(self, s, t):
        e = s[1][t][1]
        if e == self.entries:
            yield f"{t} finds them full", self.go(s, t, "full")
        elif s[0][e] == FREE:
            mark = ("CLAIM", None if self.problem == "nameless-claim" else t)
            state = "READY" if self.problem == "ready-first" else mark
            yield f"{t} claims {e}", self.go(s, t, "text", e, put(s[0], e, (state, None, None)))
        else:
            yield f"{t} passes {e}", self.go(s, t, "claim", e + 1)

    def at_text(self, s, t):
        e = s[1][t][1]
        entry = (s[0][e][0], self.texts[t], t)
        yield f"{t} writes {e}", self.go(s, t, "ready", e, put(s[0], e, entry))

    def at_ready(self, s, t):
        e = s[1][t][1]
        ready = put(s[0], e, ("READY",) + s[0][e][1:])
        first = self.find(ready, t)
        yield f"{t} readies {e}", self.go(s, t, "value", first, ready)

    def at_value(self, s, t):
        e = s[1][t][1]
        entry = s[0][e][:2] + (t,)
        require(s[0][e][0] == "READY", f"entry {e} is no name any more")
        yield f"{t} gives {e} its value", self.go(s, t, "done", e, put(s[0], e, entry))

    def end(self, s):
        for state, _, _ in s[0]:
            require(state in ("FREE", "READY"), f"an entry is lost: {state}")
        for t, (pc, _) in enumerate(s[1]):
            require(pc != "done" or self.find(s[0], t) is not None, "a name that was set is gone")


QUICK = [dict(setters=3, entries=2, texts="aab", deaths=2)]
LONG = [dict(setters=4, entries=3, texts="aabb", deaths=3)]
BROKEN = [
    dict(problem="ready-first"),
    dict(problem="nameless-claim"),
    dict(problem="freed-ready"),
]
