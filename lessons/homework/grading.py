"""The instructor's commands: from the students' release of a homework to marks in Canvas or Moodle.

    python lessons/homework/grading.py release hw1 --variant 7 --to FOLDER
    python lessons/homework/grading.py grade hw1 --variant 7 --submissions FOLDER --to FOLDER
    python lessons/homework/grading.py {marks,fill,feedback,solution,gradescope} hw1 --help

GRADING RUNS THE STUDENTS' CODE ON THIS COMPUTER. With bubblewrap (bwrap) each notebook runs in a box: no network, no
files but its own, no other processes. Without it, the code runs with your rights: it can read and delete what you can,
and use the network as you can. Then grade in a container, or in an account made for it, without anything that you
would miss; README.md beside this file has a command for it.

A row of scores.csv holds what a submission earned, part by part, whatever it does, and is written when it is done. It
needs the extra [grading], on Linux or macOS.
"""

import argparse
import csv
import importlib.util
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [] if str(HERE) in sys.path else [str(HERE)]  # also with python -P, or PYTHONSAFEPATH in the environment
WARNING = __doc__.split("\n\n")[2]


def assignments():
    """The names of the homeworks that there are."""
    return sorted(path.parent.name for path in HERE.glob("hw*/answers.py"))


def roster(path):
    """{student: variant} from a CSV file with these two columns. Raises SystemExit that names a bad line."""
    from submitted import is_name

    variants = {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            student, variant = (row.get("student") or "").strip(), (row.get("variant") or "").strip()
            if not is_name(student) or not variant.isdecimal() or student in variants:
                raise SystemExit(f"{path}, line {number}: a new student and a whole number are wanted, not {row}.")
            variants[student] = int(variant)
    return variants


def release(name, variant, variants, to):
    """Write what students get to the folder `to`: one release, or with `variants` one in a folder for each student."""
    from course import make_course

    for student, number in variants.items() if variants else [(".", variant)]:
        with tempfile.TemporaryDirectory() as root:
            make_course(root, name, number)
            solved = sorted(Path(to, student).glob("*-solution.ipynb"))
            if solved:
                raise SystemExit(f"{solved[0]} lies where students are to look. Give the release a folder of its own.")
            shutil.copytree(Path(root, "release", name), Path(to, student), dirs_exist_ok=True)
        files = sorted(path.name for path in Path(to, student).iterdir())
        print(f"{Path(to, student)}: variant {number}, {', '.join(files)}")


def courses(name, variants, folder):
    """{variant: course folder} in `folder`, for the variants that several students have, one at least."""
    from course import make_course

    shared = [variant for variant, students in Counter(variants).items() if students > 1] or [1]
    for variant in shared:
        make_course(Path(folder, str(variant)), name, variant)
    return {variant: Path(folder, str(variant)) for variant in shared}


def report(name, found, to, course):
    """Write similar.csv, the pairs of submissions that are most alike, and say how many there are."""
    import nbformat
    from similar import write_report

    released, reference = (
        nbformat.read(path, as_version=4)
        for path in (Path(course, "release", name, f"{name}.ipynb"), HERE / name / f"{name}.ipynb")
    )
    pairs = write_report(Path(to, "similar.csv"), found, released, reference)
    print(f"{pairs} pairs of submissions that are much alike: {Path(to, 'similar.csv')}. Read them before you judge.")


def grade(given, variants):
    """Grade as the command line says."""
    from batch import Batch
    from contained import bubblewrap

    contained = bubblewrap() is not None
    if contained:
        print("Each submission runs in a box of its own (bubblewrap), without network and without sight of anything.")
    else:
        print(
            "There is no bubblewrap (bwrap) that works here: THE CODE OF EVERY SUBMISSION IS NOW RUN WITH YOUR RIGHTS. "
            "It can read and change what you can, the answers and other submissions too; --help says more."
        )
    limits = {"cell_seconds": given.cell_seconds} if given.cell_seconds else {}
    batch = Batch(
        given.name, given.variant, variants, given.submissions, given.to, given.resume, given.only, given.secret
    )
    with tempfile.TemporaryDirectory() as folder:
        ready = courses(given.name, [n for n in map(batch.variant_of, batch.todo) if n is not None], folder)
        rows = batch.grade(given.jobs, limits, contained, ready)
        print(f"{len(rows)} rows in {batch.table}; feedback and written answers beside it.")
        report(given.name, batch.found, given.to, next(iter(ready.values())))


def late_rules(given):
    """(the term's rules or None, {student: when}), as the command line of `marks` has it."""
    from lateness import read_term, read_times

    if (given.term is None) != (given.times is None) or (given.earlier and given.term is None):
        raise SystemExit("--term, which says what lateness costs, and --times, which says who was late, go together.")
    term = read_term(given.term, given.name) if given.term else None
    return term, read_times(given.times, given.name, term.zone) if term else {}


def arguments(given):
    """The command line, as argparse has it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, says, to="FOLDER"):
        one = commands.add_parser(name, help=says, description=WARNING if name == "grade" else says)
        one.add_argument("name", choices=assignments(), help="the homework")
        one.add_argument("--to", required=True, metavar=to, help="where the result goes; made if need be")
        return one

    def variants(one):
        which = one.add_mutually_exclusive_group(required=True)
        which.add_argument("--variant", type=int, help="the number that its parameters come from, 0 or more")
        which.add_argument(
            "--variants", metavar="CSV", help="a file with columns student,variant: one for each student"
        )

    variants(command("release", "what students get"))
    variants(command("solution", "the model answer, executed: never for students"))
    one = command("grade", "run and judge; READ THE WARNING in --help")
    variants(one)
    one.add_argument("--submissions", required=True, metavar="FOLDER", help="as nbgrader, Canvas or Moodle give it")
    one.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="how many at a time [%(default)s]")
    one.add_argument("--resume", action="store_true", help="grade what has no row yet, or has changed since")
    one.add_argument("--only", nargs="+", default=[], metavar="STUDENT", help="grade these again, and nobody else")
    one.add_argument("--secret", type=int, help="repeat a grading with the number in its scores.csv [a new one]")
    one.add_argument("--cell-seconds", type=float, help="limit on a cell, of computing [the homework's own, 60]")
    one = command("marks", "the final mark: automatic points, the human's, late days", "CSV")
    one.add_argument("--graded", required=True, metavar="FOLDER", help="what `grade` wrote")
    one.add_argument("--term", metavar="TOML", help="deadlines, extensions, and what lateness costs [nothing]")
    one.add_argument("--times", metavar="PATH", help="CSV: student,submitted; Moodle's worksheet; nbgrader's folder")
    one.add_argument(
        "--earlier", nargs="+", default=[], metavar="CSV", help="marks of earlier homework: free days used"
    )
    one = command("fill", "marks into the table that Canvas or Moodle exported", "CSV")
    one.add_argument("--marks", required=True, metavar="CSV", help="what `marks` wrote")
    one.add_argument("--table", required=True, metavar="CSV", help="Canvas's gradebook, Moodle's grading worksheet")
    one.add_argument("--column", help="the one to be filled [the assignment's of that name; Moodle's Grade]")
    one = command("feedback", "the pages of feedback in the names by which a system takes them back")
    one.add_argument("--graded", required=True, metavar="FOLDER", help="what `grade` wrote")
    one.add_argument("--submissions", required=True, metavar="FOLDER", help="what was graded")
    one = command("gradescope", "a zip for Gradescope's autograder", "ZIP")
    one.add_argument("--variant", type=int, required=True, help="the number that its parameters come from, 0 or more")
    shown = ("after_published", "after_due_date", "visible", "hidden")
    one.add_argument("--visibility", choices=shown, default=shown[0], help="when students see points [%(default)s]")
    result = parser.parse_args(given)
    if (getattr(result, "variant", None) or 0) < 0:
        parser.error(f"--variant {result.variant} must be 0 or more.")
    return result


def main(given=None):
    given = arguments(given)
    if sys.platform == "win32":
        raise SystemExit("Grading needs Linux or macOS; WSL will do.")
    if importlib.util.find_spec("nbgrader") is None:  # before a row says so for each submission
        raise SystemExit("This needs nbgrader: pip install -e '.[grading]'")
    try:
        run(given, roster(given.variants) if getattr(given, "variants", None) else {})
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise SystemExit(f"{error.filename}: {error.strerror.lower()}.") from None


def run(given, variants):
    """Do what the command line says."""
    if given.command == "release":
        release(given.name, given.variant, variants, given.to)
    elif given.command == "grade":
        grade(given, variants)
    elif given.command == "solution":
        from solving import solve

        for variant in sorted(set(variants.values())) if variants else [given.variant]:
            solve(given.name, variant, given.to)
    elif given.command == "marks":
        from marks import make

        make(given.name, given.graded, *late_rules(given), given.earlier, given.to)
    elif given.command == "fill":
        from sheets import fill

        fill(given.name, given.marks, given.table, given.column, given.to)
    elif given.command == "feedback":
        from returning import send_back

        send_back(given.name, given.graded, given.submissions, given.to)
    else:
        from gradescope import make_zip

        make_zip(given.name, given.variant, given.visibility, given.to)


if __name__ == "__main__":
    main()
