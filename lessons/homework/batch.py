"""A batch of submissions: each is graded in a process of its own, and has a row when it is done.

Nothing that one submission does ends the batch, and nothing that ends the batch loses a row: `resume` grades what has
none, or has changed since.
"""

import html
import json
import multiprocessing
import os
import secrets
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import scores
from submitted import chosen, digest, number, submissions, top

from nodekit.classroom.watch import Wrong

HERE = Path(__file__).resolve().parent
STOPPED = "the grader stopped"  # for a reason that may be the machine's: `resume` tries again
UNLISTED = "not in the roster of variants"
NONE = "none"  # in place of the digest of a submission that there is not
MOST = 50_000_000  # bytes of a result, texts with their images in it


def points_of(name):
    """{part: (points, whether it is marked by hand)} from the source notebook's cells, in their order."""
    notebook = json.loads((HERE / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    marks = [(cell["metadata"].get("nbgrader", {}), cell["cell_type"]) for cell in notebook["cells"]]
    return {m["grade_id"]: (float(m["points"]), kind == "markdown") for m, kind in marks if m.get("grade")}


# ---- one submission, in a process of its own -----------------------------------------------------------


def processes():
    """What starts the process of each submission: a copy of one that has imported what marking needs, and no more.

    That takes longer than a short submission. Elsewhere than on Linux each process imports it anew: the libraries of
    macOS do not always survive a copy.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["marking"])
    return context


def mark_alone(channel, printed, job):
    """What the process of one submission does: marking.mark, its result into the channel, what it prints to a file.

    When the grader dies the other end of the channel closes, and this ends as well.
    """
    with open(printed, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    warnings.simplefilter("ignore")
    from contained import adopt, end

    def leave():
        try:
            channel.recv_bytes()
        except (EOFError, OSError):
            end([])
            os._exit(1)

    adopt()
    threading.Thread(target=leave, daemon=True).start()
    from marking import mark

    channel.send_bytes(json.dumps(mark(**job)).encode())


def grade_one(job, context):
    """marking.mark(**job) in a process of its own, so that nothing that happens there ends the batch. Returns its dict.

    The result comes over a pair of sockets that no name leads to: whoever outlives the notebook cannot write there.
    """
    why, most = STOPPED, 6 * job["limits"].get("notebook_seconds", 400) + 600
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        printed = Path(folder, "printed.txt")
        here, there = context.Pipe()
        process = context.Process(target=mark_alone, args=(there, printed, job))
        try:
            process.start()
            there.close()
            if here.poll(most):
                return json.loads(here.recv_bytes(MOST))
            why += f" after {most} s"
        except (OSError, EOFError, ValueError) as error:  # no process could be started, or it died
            why += f" ({error})" if str(error) else ""
        finally:
            here.close()
            if process.pid:
                process.join(5)
                process.kill()
                process.join()
        lines = printed.read_text(encoding="utf-8", errors="replace").split("\n") if printed.exists() else []
        lines = [line for line in lines if line.strip()]
        why += f": {lines[-1][:200]}" if lines else ""
    return {"points": {}, "notes": [why], "written": ""}


# ---- all of them ---------------------------------------------------------------------------------------


class Batch:
    """The grading of assignment `name` into the folder `to`. variants: {student: variant}; variant: for all others.

    Its table is written at once, with hand marks and nothing else where rows are to be made.
    """

    def __init__(self, name, variant, variants, folder, to, resume=False, only=(), secret=None):
        self.name, self.variant, self.variants, self.to = name, variant, variants, Path(to)
        self.points = points_of(name)
        self.found = submissions(name, folder, variants)
        self.ids = {student: number(top(folder, paths)) for student, paths in self.found.items()}
        unknown = sorted(set(only) - set(self.found))
        if unknown:
            raise SystemExit(f"--only {unknown[0]}: no submission is from there. There are {', '.join(self.found)}.")
        for place in ("feedback", "written"):
            (self.to / place).mkdir(parents=True, exist_ok=True)
        self.old = scores.read(self.table, name, self.points)
        known = [row["secret"] for row in self.old.values() if row["secret"]] if resume or only else []
        self.secret = secret if secret is not None else int(known[0]) if known else secrets.randbits(32)
        self.data, self.todo, self.rows, self.lock = {}, [], {}, threading.Lock()
        for student in sorted(set(self.found) | set(self.old)):
            old = self.old.get(student)
            stays = student not in self.found or (only and student not in only)
            if stays or (resume and not only and self.same(student, old)):
                if old:
                    self.rows[student] = old
                continue
            self.todo.append(student)
            marks = {part: scores.marked(old, part) for part in self.by_hand}
            marks |= {"submission": old["submission"] if old else "", "id": self.id_of(student)}
            self.rows[student] = marks | {"student": student, "secret": self.secret, "note": scores.NOT_YET}
        self.said = ""
        self.save()

    @property
    def table(self):
        return self.to / "scores.csv"

    @property
    def by_hand(self):
        return [part for part, (_, by_hand) in self.points.items() if by_hand]

    def id_of(self, student):
        """The number by which Canvas or Moodle knows a student, where it was in the name of the file."""
        return self.ids.get(student) or (self.old[student]["id"] if student in self.old else "")

    def variant_of(self, student):
        return self.variants.get(student, self.variant)

    def content(self, student):
        """(bytes, digest, "") of a student's submission; (None, NONE, why) where there is none to grade."""
        try:
            data = chosen(self.found[student])[1]
            return data, digest(data), ""
        except Wrong as wrong:
            return None, NONE, str(wrong)

    def same(self, student, old):
        """Whether a row that is there is that of the submission as it lies there now."""
        graded = old is not None and old["note"] != scores.NOT_YET and STOPPED not in old["note"]
        return (
            graded and self.content(student)[1] == old["submission"] and old["variant"] == str(self.variant_of(student))
        )

    def save(self):
        """Write the table. Where the disk is full that is said, and tried again after the next row."""
        try:
            scores.write(self.table, self.name, self.points, [self.rows[student] for student in sorted(self.rows)])
            self.said = ""
        except OSError as error:
            self.said = f"{self.table} could not be written: {error}."
            print(self.said, flush=True)

    def grade(self, jobs, limits, contained, ready):
        """Grade what is to be graded, and print a line for each. Returns all rows.

        ready: {variant: course folder} of those that were made before, since many students have them.
        """
        context, begin, before = processes(), time.monotonic(), os.environ.get("PYTHONSAFEPATH")
        os.environ["PYTHONSAFEPATH"] = "1"  # no process imports what lies in the folder that one grades from

        def one(student):
            try:
                row = self.row_of(student, context, {"limits": limits, "contained": contained}, ready)
            except Exception as error:  # a disk that is full, say: a row all the same
                row = self.row(student, NONE, {}, [f"{STOPPED} ({type(error).__name__}: {error})"])
            with self.lock:
                self.rows[student] = row
                self.save()
                done = sum(self.rows[name]["note"] != scores.NOT_YET for name in self.todo)
                left = (time.monotonic() - begin) / done * (len(self.todo) - done)
            where = f"{done} of {len(self.todo)}, {left / 60:.0f} min left"
            print(
                f"{where:24s} {student!s:24s} {row['total']:6g} of {row['out of']:g}   {row['note'][:90]}", flush=True
            )

        try:
            with ThreadPoolExecutor(jobs) as pool:
                list(pool.map(one, self.todo))
        finally:
            os.environ.pop("PYTHONSAFEPATH") if before is None else os.environ.update(PYTHONSAFEPATH=before)
        if self.said:
            raise SystemExit(f"{self.said} Make room, and grade again.")
        return [self.rows[student] for student in sorted(self.rows)]

    def row_of(self, student, context, options, ready):
        """Grade one submission, write its texts, and return its row."""
        data, known_by, why = self.content(student)
        page, text = self.to / "feedback" / f"{student}.html", self.to / "written" / f"{student}.md"
        page.unlink(missing_ok=True)
        text.unlink(missing_ok=True)
        outcome = {"points": {}, "notes": [why], "written": ""}
        if self.variant_of(student) is None:
            outcome["notes"] = [UNLISTED]
        elif data is not None:
            job = {"name": self.name, "variant": self.variant_of(student), "secret": self.secret, "data": data}
            job |= {"page": page, "ready": ready.get(self.variant_of(student))}
            outcome = grade_one(job | options, context)
        if not page.exists():
            page.write_text(
                f"<!doctype html><meta charset=utf-8><p>{html.escape('; '.join(outcome['notes']))}</p>\n",
                encoding="utf-8",
            )
        if outcome["written"]:
            text.write_text(outcome["written"] + "\n", encoding="utf-8")
        return self.row(student, known_by, outcome["points"], outcome["notes"])

    def row(self, student, known_by, points, notes):
        """What scores.csv says of a student; hand marks are those of the table that was there."""
        old, notes = self.old.get(student), list(notes)
        row = {"student": student, "id": self.id_of(student), "variant": self.variant_of(student)}
        row |= {part: points.get(part, 0.0) for part in self.points}
        automatic = [part for part in self.points if part not in self.by_hand]
        row["total"], row["out of"] = (round(sum(row[part] for part in automatic), 2),
                                       sum(self.points[part][0] for part in automatic))  # fmt: skip
        for part in self.by_hand:
            mark = scores.marked(old, part)
            if mark:
                row[part] = mark
                if old["submission"] not in ("", known_by):
                    notes.append(f"{part} = {mark} was given to an earlier submission")
            elif row[part] is None:
                row[part] = ""
                notes.append(f"{part} is to be marked by hand, out of {self.points[part][0]:g}")
        return row | {"secret": self.secret, "submission": known_by, "note": ". ".join(n.rstrip(".") for n in notes)}
