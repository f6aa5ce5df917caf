"""The instructor's two commands: make the students' release of a homework, and grade a folder of submissions.

    python lessons/homework/grading.py release hw1 --variant 7 --to FOLDER
    python lessons/homework/grading.py grade hw1 --variant 7 --submissions FOLDER --to FOLDER

GRADING RUNS THE STUDENTS' CODE ON THIS COMPUTER, WITH YOUR RIGHTS. It can read and delete what you can, and use the
network as you can. Limits on time, memory and output keep accidents small; they do not stop malice. Grade in a
container, or in an account made for it, without network and without anything that you would miss; README.md beside
this file has a command for it.

A row of scores.csv holds what a submission earned, part by part, whatever it does. It needs the extra [grading].
"""

import argparse
import csv
import html
import importlib.util
import json
import multiprocessing
import os
import secrets
import shutil
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent


def assignments():
    """The names of the homeworks that there are."""
    return sorted(path.parent.name for path in HERE.glob("hw*/answers.py"))


def roster(path):
    """{student: variant} from a CSV file with these two columns. Raises SystemExit that names a bad line."""
    variants = {}
    with open(path, encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            student, variant = (row.get("student") or "").strip(), (row.get("variant") or "").strip()
            if not student or not variant.isdecimal() or Path(student).name != student or student in variants:
                raise SystemExit(f"{path}, line {number}: a new student and a whole number are wanted, not {row}.")
            variants[student] = int(variant)
    return variants


def release(name, variant, variants, to):
    """Write what students get to the folder `to`: one release, or with `variants` one in a folder for each student."""
    from marking import make_course

    for student, number in variants.items() if variants else [(".", variant)]:
        with tempfile.TemporaryDirectory() as root:
            make_course(root, name, number)
            shutil.copytree(Path(root, "release", name), Path(to, student), dirs_exist_ok=True)
        files = sorted(path.name for path in Path(to, student).iterdir())
        print(f"{Path(to, student)}: variant {number}, {', '.join(files)}")


def submissions(name, folder, variants):
    """{student: path of the notebook, or None}: FOLDER/STUDENT/NAME.ipynb, FOLDER/STUDENT.ipynb, and the roster's."""
    found = {}
    for path in sorted(Path(folder).iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            notebook = path / f"{name}.ipynb"
            found[path.name] = notebook if notebook.is_file() else None
        elif path.suffix == ".ipynb":
            found[path.stem] = path
    return found | {student: None for student in variants if student not in found}


def processes():
    """What starts the process of each submission: a copy of one that has imported nbgrader and does nothing else.

    That import takes longer than a short submission. Elsewhere than on Linux each process makes it: Windows has no
    such copies, and the libraries of macOS do not always survive one.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nbgrader.converters"])
    return context


def mark_alone(folder, job):
    """What the process of one submission does: marking.mark, its result and all that it prints to files in `folder`."""
    with open(Path(folder, "printed.txt"), "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    warnings.simplefilter("ignore")
    from marking import mark

    result = Path(folder, "result.json")
    result.with_suffix(".part").write_text(json.dumps(mark(**job)), encoding="utf-8")
    os.replace(result.with_suffix(".part"), result)  # so that it is there only where it is whole


def grade_one(job, context):
    """marking.mark(**job) in a process of its own, so that nothing that happens there ends the batch. Returns its dict.

    It is known by its result and not by its exit status, which threads that start processes may take from each other.
    """
    why, most = "the grader stopped", job["limits"].get("notebook_seconds", 300) + 300
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = context.Process(target=mark_alone, args=(folder, job))
        try:
            process.start()
            process.join(most)
            if process.is_alive():
                process.kill()
                process.join()
                why += f" after {most} s"
            if Path(folder, "result.json").exists():
                return json.loads(Path(folder, "result.json").read_text(encoding="utf-8"))
        except (OSError, EOFError) as error:  # no process could be started
            why += f": {error}"
        printed = Path(folder, "printed.txt")
        lines = printed.read_text(encoding="utf-8", errors="replace").split("\n") if printed.exists() else []
        lines = [line for line in lines if line.strip()]
        why += f": {lines[-1][:200]}" if lines else ""
    job["page"].write_text(f"<!doctype html><p>Not graded: {html.escape(why)}.</p>\n", encoding="utf-8")
    return {"points": {}, "notes": [why], "written": {}}


def grade(name, variant, variants, folder, to, jobs, secret, limits):
    """Grade every submission in `folder`; write scores.csv, written.md and feedback/STUDENT.html to `to`.

    Returns the rows of scores.csv as dicts.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # no process imports what lies in the folder that one grades from
    context = processes()
    found, to = submissions(name, folder, variants), Path(to)
    (to / "feedback").mkdir(parents=True, exist_ok=True)
    most = points_of(name)
    automatic = [part for part, (_, by_hand) in most.items() if not by_hand]

    def row_of(student):
        own = secrets.randbits(32) if secret is None else secret
        number = variants.get(student, variant)
        if number is None:
            outcome = {"points": {}, "notes": ["not in the roster of variants"], "written": {}}
        else:
            page = to / "feedback" / f"{student}.html"
            job = {"name": name, "variant": number, "secret": own, "path": found[student], "limits": limits}
            outcome = grade_one(job | {"page": page}, context)
        row = {"student": student, "variant": number}
        row |= {part: outcome["points"].get(part, 0.0) for part in most}
        row["total"] = round(sum(row[part] for part in automatic), 2)
        row["out of"] = sum(most[part][0] for part in automatic)
        open_ = [part for part in most if row[part] is None]
        notes = outcome["notes"] + [f"{part} is to be marked by hand, out of {most[part][0]:g}" for part in open_]
        row |= {"secret": own, "note": ". ".join(note.rstrip(".") for note in notes)}
        print(f"{student:24s} {row['total']:6g} of {row['out of']:g}   {row['note'][:90]}", flush=True)
        return row, outcome["written"]

    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(row_of, found))
    rows = [row for row, _ in outcomes]
    with open(to / "scores.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["student", "variant", *most, "total", "out of", "secret", "note"])
        writer.writeheader()
        writer.writerows(rows)
    texts = [f"# {row['student']}: {part}\n\n{text}\n" for row, written in outcomes for part, text in written.items()]
    (to / "written.md").write_text("\n".join(texts), encoding="utf-8")
    return rows


def points_of(name):
    """{part: (points, whether it is marked by hand)} from the source notebook's cells, in their order."""
    notebook = json.loads((HERE / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    marks = [(cell["metadata"].get("nbgrader", {}), cell["cell_type"]) for cell in notebook["cells"]]
    return {m["grade_id"]: (float(m["points"]), kind == "markdown") for m, kind in marks if m.get("grade")}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, says in (("release", "what students get"), ("grade", "run and judge; READ THE WARNING in --help")):
        one = commands.add_parser(
            command, help=says, description=__doc__.split("\n\n")[2] if command == "grade" else says
        )
        one.add_argument("name", choices=assignments(), help="the homework")
        which = one.add_mutually_exclusive_group(required=True)
        which.add_argument("--variant", type=int, help="the number that its parameters come from, 0 or more")
        which.add_argument(
            "--variants", metavar="CSV", help="a file with columns student,variant: one for each student"
        )
        one.add_argument("--to", required=True, metavar="FOLDER", help="where the result goes; made if need be")
    one.add_argument("--submissions", required=True, metavar="FOLDER", help="STUDENT/NAME.ipynb or STUDENT.ipynb in it")
    one.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="how many at a time [%(default)s]")
    one.add_argument("--secret", type=int, help="repeat a grading with the number in its scores.csv [a new one each]")
    one.add_argument("--cell-seconds", type=float, help="limit on a cell [the homework's own, 60]")
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("nbgrader") is None:  # before a row says so for each submission
        raise SystemExit("This needs nbgrader: pip install -e '.[grading]'")
    variants = roster(given.variants) if given.variants else {}
    if given.variant is not None and given.variant < 0:
        parser.error(f"--variant {given.variant} must be 0 or more.")
    if given.command == "release":
        release(given.name, given.variant, variants, given.to)
        return
    limits = {"cell_seconds": given.cell_seconds} if given.cell_seconds else {}
    print(f"The code of every submission in {given.submissions} is now run with your rights; --help says more.")
    rows = grade(given.name, given.variant, variants, given.submissions, given.to, given.jobs, given.secret, limits)
    print(f"{len(rows)} rows in {Path(given.to, 'scores.csv')}; feedback and written answers beside it.")


if __name__ == "__main__":
    main()
