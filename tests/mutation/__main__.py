"""python -m tests.mutation [--lesson 06] [--part exercises] [-j 2] [--sample 50 --seed 0]: see __init__.py."""

import argparse
import os
import random
import re
import sys
import time
from collections import Counter

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # before NumPy is imported: a process that is forked has one thread

from tests.mutation import accepted, exercises, lessons  # noqa: E402

# What may become of a mutant; anything else is reported.
EXPECTED = re.compile("survived|killed|out of time|no mistake|ended by signal")
PARTS = {"exercises": exercises, "lessons": lessons}


def arguments(given):
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--lesson", action="append", metavar="NN", help="one lesson; may be given again")
    parser.add_argument("--part", choices=PARTS, help="the exercises alone, or the lessons' own functions")
    parser.add_argument("--function", metavar="NAME", help="one function or exercise")
    parser.add_argument("-j", type=int, default=1, metavar="N", help="processes at once (1)")
    parser.add_argument("--sample", type=int, metavar="N", help="a subset of this size")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="which subset (0)")
    parser.add_argument("--list", action="store_true", help="list the mutants, run none")
    return parser.parse_args(given)


def main(given=None):
    options = arguments(given)
    numbers = options.lesson or sorted(path.name[:2] for path in lessons.LESSONS.glob("[0-9][0-9]_*.ipynb"))
    jobs = [(part, number) for number in numbers for part in PARTS if options.part in (None, part)]
    existing = {job: chosen(PARTS[job[0]].listed(job[1]), options.function) for job in jobs}
    everything = [(job, i) for job in jobs for i in range(len(existing[job]))]
    if options.sample is not None and options.sample < len(everything):
        everything = sorted(random.Random(options.seed).sample(everything, options.sample))
    if options.list:
        for job, i in everything:
            where, mutant = existing[job][i]
            print(where, mutant.name, "|", mutant.text)
        return 0

    results, failures = [], []
    for job in jobs:
        part, number = job
        mine, start = [existing[job][i] for each, i in everything if each == job], time.monotonic()
        if not mine:
            continue
        try:
            found = PARTS[part].judge(number, mine, options.j, say=lambda line: print(f"  {line}", flush=True))
        except Exception as error:
            failures.append(f"{number} {part}: {type(error).__name__}: {error}")
            continue
        kinds = Counter(outcome.text.split(":")[0] for _, _, outcome in found)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        print(f"{number} {part}: {counted} of {len(found)}, in {time.monotonic() - start:.0f} s", flush=True)
        results += found
        failures += [f"{where} {m.name} | {m.text}\n  {o.text}" for where, m, o in found if not EXPECTED.match(o.text)]
    looked_at = [each for job in jobs for each in existing[job]]
    rows = accepted.read(accepted.PAGE.read_text(encoding="utf-8"))
    rows = [row for row in rows if options.function in (None, row.function.split(".")[0])]
    return report(*accepted.compare(rows, looked_at, results, len(results) == len(looked_at)), failures)


def chosen(mutants, function):
    return [(where, mutant) for where, mutant in mutants if function in (None, mutant.name.split(".")[0])]


def report(unlisted, stale, failures):
    """Print what must be mended; 1 if there is anything."""
    if unlisted:
        print(f"\n{len(unlisted)} survived, and accepted.toml does not list them:")
    for where, mutant in unlisted:
        print(f"  {where} {mutant.name} | {mutant.text}")
    if stale:
        print(f"\n{len(stale)} rows of accepted.toml are out of date:")
    for row, why in stale:
        print(f"  {row}: {why}")
    for line in failures:
        print(f"\nfailed: {line}")
    return int(bool(unlisted or stale or failures))


if __name__ == "__main__":
    sys.exit(main())
