"""Breaks each protocol, one at a time, and shows what catches it.

    python3 tests/mutations/run.py [NAME...]

An edit (edits.py) changes the core's source in a copy of it; the scheduler's
scenarios (tests/c/sched) are run on that. Its text must stand in the source
exactly once, or the run fails: an edit that no longer applies proves nothing.
What the core has no place for is a broken variant of a model (tests/models).
First all scenarios that are used must pass on the core as it is.
"""

import concurrent.futures
import functools
import importlib
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from edits import EDITS, VARIANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHED = ROOT / "tests" / "c" / "sched"
LIMIT = 120  # seconds, for one scenario
WATCHED = ["-fsanitize=thread", "-O1"]
PLAIN = ["-D_GNU_SOURCE", "-O2"]
CC = os.environ.get("CC", "cc")

sys.path.insert(0, str(ROOT / "tests" / "models"))


class Build:
    """A copy of the core's source, of which only what changed is compiled."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "src", folder / "src")
        # lshm_all.c is the others, together with a host.
        self.core = sorted(set((folder / "src").glob("*.c")) - {folder / "src" / "lshm_all.c"})
        self.objects = {}
        for source in [*self.core, SCHED / "host.c"]:
            self.compile(source, WATCHED)
        for name in ("explore.c", "memory.c", "scenarios.c"):
            self.compile(SCHED / name, PLAIN)

    def compile(self, source, flags, out=None):
        out = out or self.folder / f"{source.parent.name}-{source.stem}.o"
        src = self.folder / "src"
        folders = [SCHED, src, src / "native", ROOT / "include"]
        includes = [f"-I{folder}" for folder in folders]
        command = [CC, "-std=c11", *flags, *includes, "-c", source, "-o", out]
        subprocess.run(command, check=True)
        self.objects[source] = out

    def link(self):
        program = self.folder / "sched"
        subprocess.run([CC, "-o", program, *self.objects.values()], check=True)
        return program

    def apply(self, edits):
        """Returns what to undo."""
        was, files = dict(self.objects), {}
        for name, old, new in edits:
            path = self.folder / "src" / name
            text = path.read_text()
            if text.count(old) != 1:
                sys.exit(f"{name} has {text.count(old)} times, not once:\n{old}")
            files.setdefault(path, text)
            path.write_text(text.replace(old, new))
        headers = any(path.suffix == ".h" for path in files)
        for source in self.core if headers else [p for p in files if p in self.objects]:
            self.compile(source, [*WATCHED, "-w"], self.folder / f"broken-{source.stem}.o")
        return was, files

    def undo(self, change):
        self.objects, files = change
        for path, text in files.items():
            path.write_text(text)


def scenario(program, arguments):
    """Whether it fails, and the line that says why."""
    try:
        run = subprocess.run(
            [program, *arguments.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True, f"it runs for more than {LIMIT} s"
    lines = run.stdout.decode(errors="replace").splitlines()
    why = [line for line in lines if " fails, after " in line]
    if run.returncode not in (0, 1):
        why = [f"it ends with status {run.returncode}: {lines[-1] if lines else ''}"]
    return run.returncode != 0, why[0] if why else lines[-1]


def report(name, caught, by, why, began):
    seconds = time.monotonic() - began
    print(
        f"{'ok' if caught else 'FAILED'} {name}: {'' if caught else 'not '}caught by {by}\n"
        f"    {why} ({seconds:.1f} s)",
        flush=True,
    )
    return caught


@functools.cache
def own_build(folder):
    """This process's copy."""
    return Build(folder / str(os.getpid()))


def run_edit(folder, name, edits, by):
    build = own_build(folder)
    began = time.monotonic()
    change = build.apply(edits)
    try:
        caught, why = scenario(build.link(), by)
    finally:
        build.undo(change)
    return report(name, caught, f"the scenario {by}", why, began)


def run_variant(name, model, size):
    from explorer import explore

    began = time.monotonic()
    result = explore(importlib.import_module(model).build(**size))
    why = f"broken after {len(result.trace)} steps: {result.broken}"
    return report(name, bool(result.broken), f"the model {model}", why, began)


def run_all(edits, variants, folder):
    """Whether each was caught; as many at a time as there are processors."""
    scenarios = sorted({by for _, _, by in edits})
    with concurrent.futures.ProcessPoolExecutor() as pool:
        program = Build(folder / "as-it-is").link()
        for by, (failed, why) in zip(
            scenarios, pool.map(scenario, itertools.repeat(program), scenarios)
        ):
            if failed:
                sys.exit(f"the core as it is fails scenario {by}: {why}")
        runs = [pool.submit(run_edit, folder, *edit) for edit in edits]
        runs += [pool.submit(run_variant, *variant) for variant in variants]
        return [run.result() for run in runs]


def main():
    names = sys.argv[1:]
    edits = [edit for edit in EDITS if not names or edit[0] in names]
    variants = [variant for variant in VARIANTS if not names or variant[0] in names]
    if names and len(edits) + len(variants) != len(names):
        sys.exit("no such mutation")
    with tempfile.TemporaryDirectory(prefix="lshm-mutations-") as folder:
        results = run_all(edits, variants, pathlib.Path(folder))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
