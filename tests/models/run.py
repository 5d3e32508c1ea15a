"""Explores the models of the protocols: all as built hold, all variants are broken.

    python3 tests/models/run.py [--long] [--trace] [MODEL...]

Prints the number of states of each, and of each broken variant what does not
hold and after how many steps (with --trace: which). --long explores larger ones
besides.
"""

import argparse
import importlib
import os
import sys
import time

from explorer import explore

MODELS = ["slab", "spans", "full", "resize", "slots", "table", "growth", "names", "commit", "freeall"]


def title(name, size):
    return " ".join([name] + [f"{k}={v}" for k, v in size.items() if v is not None])


def run(name, size, expected, trace):
    began = time.monotonic()
    result = explore(importlib.import_module(name).build(**size))
    seconds = time.monotonic() - began
    good = (result.broken is not None) == expected
    what = f"{result.states} states"
    if result.broken:
        what += f", broken after {len(result.trace)} steps: {result.broken}"
    elif expected:
        what += ", and nothing is found broken"
    print(f"{'ok' if good else 'FAILED'} {title(name, size)}: {what} ({seconds:.1f} s)", flush=True)
    if result.broken and (trace or not good):
        print("\n".join(f"    {step}" for step in result.trace), flush=True)
    return good, result.states


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", default=os.environ.get("LSHM_SOAK") == "1")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("models", nargs="*", choices=[[], *MODELS], metavar="MODEL")
    options = parser.parse_args()
    passed = failed = states = 0
    for name in options.models or MODELS:
        model = importlib.import_module(name)
        sizes = [(size, False) for size in model.QUICK]
        sizes += [(size, False) for size in model.LONG if options.long]
        sizes += [(size, True) for size in model.BROKEN]
        for size, expected in sizes:
            good, count = run(name, size, expected, options.trace)
            passed += good
            failed += not good
            states += 0 if expected else count
    print(f"{states} states of the protocols as built")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
