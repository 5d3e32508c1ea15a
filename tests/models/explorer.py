"""Explores all states that a protocol can reach.

A model is a first state, and a function that yields each state that one step of
one thread leads to. States are hashable. All interleavings are tried, breadth
first, so what is found broken comes with a shortest way to it. The orders are
sequentially consistent: what C11's weaker orders allow is tests/c/sched's part.
"""

from collections import deque


class Broken(Exception):
    """A property does not hold."""


def require(condition, what):
    if not condition:
        raise Broken(what)


def put(values, index, value):
    return values[:index] + (value,) + values[index + 1 :]


class Model:
    """`steps(state)` yields (what happens, next state), and may `require`.
    `check(state)` holds everywhere, `end(state)` where no step is left."""

    def __init__(self, initial, steps, check=None, end=None):
        self.initial = initial
        self.steps = steps
        self.check = check
        self.end = end


class Result:
    def __init__(self, states, broken=None, trace=()):
        self.states = states
        self.broken = broken
        self.trace = trace


def trace_to(came_from, state):
    trace = []
    while came_from[state] is not None:
        state, what = came_from[state]
        trace.append(what)
    return trace[::-1]


def explore(model, most=20_000_000):
    """A Result: the number of states, and how the first property that does not
    hold comes about."""
    came_from = {model.initial: None}
    queue = deque([model.initial])
    state = model.initial
    try:
        while queue:
            state = queue.popleft()
            if model.check:
                model.check(state)
            last = True
            for what, after in model.steps(state):
                last = False
                if after not in came_from:
                    came_from[after] = (state, what)
                    queue.append(after)
            if last and model.end:
                model.end(state)
            if len(came_from) > most:
                raise RuntimeError(f"more than {most} states")
    except Broken as broken:
        return Result(len(came_from), str(broken), trace_to(came_from, state))
    return Result(len(came_from))
