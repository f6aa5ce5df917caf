"""nbgrader's exchange, and feedback on its way back in the names that Moodle, Canvas and nbgrader give."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from tests.homework.conftest import HOMEWORK, load, need_nbgrader

batch, scores, submitted = (load(HOMEWORK / f"{name}.py") for name in ("batch", "scores", "submitted"))
grading, marks = load(HOMEWORK / "grading.py"), load(HOMEWORK / "marks.py")
PARTS = batch.points_of("hw1")
POINTS = {part: None if by_hand else most for part, (most, by_hand) in PARTS.items()}


def put(folder, *names, content="{}"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


# ---- nbgrader ------------------------------------------------------------------------------------------


def test_of_the_exchanges_inbound_the_last_one_counts(tmp_path):
    """STUDENT+ASSIGNMENT+TIME+RANDOM, or without it; another assignment's are left, and a + may be in a name."""
    for name in (
        "anna+hw1+2026-11-20 22:58:00.5 UTC+bHVja3lsdWNr", "anna+hw1+2026-11-19 22:58:00.5 UTC+bHVja3lsdWNr",
        "anna+hw2+2026-11-21 22:58:00.5 UTC+bHVja3lsdWNr", "b+n+hw1+2026-11-20 22:58:00.5 UTC",
    ):  # fmt: skip
        put(tmp_path, f"{name}/hw1.ipynb", content=json.dumps({"from": name}))
    found = submitted.submissions("hw1", tmp_path)
    assert set(found) == {"anna", "b+n"}
    assert b"2026-11-20" in submitted.chosen(found["anna"])[1]


EXCHANGE = """
import os, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from course import empty_gradebook
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import default
from traitlets.config import Config

def step(name, folder):
    os.chdir(folder)
    c = Config()
    c.CourseDirectory.course_id, c.CourseDirectory.assignment_id, c.CourseDirectory.root = "neural", "hw1", os.getcwd()
    c.Exchange.root, c.Exchange.cache = {root!r} + "/exchange", {root!r} + "/cache"
    coursedir = CourseDirectory(config=c)
    getattr(default, "Exchange" + name)(coursedir=coursedir, authenticator=Authenticator(config=c), config=c).start()

root = Path({root!r})
if sys.argv[1] == "out":
    empty_gradebook(root / "course" / "gradebook.db")
    step("ReleaseAssignment", root / "course")
    step("FetchAssignment", root / "home")
    step("Submit", root / "home")
    step("Collect", root / "course")
else:
    step("ReleaseFeedback", root / "course")
    step("FetchFeedback", root / "home")
"""


@pytest.mark.slow(seconds=30)
def test_nbgraders_own_exchange_takes_and_gives_all(released, tmp_path):
    """nbgrader releases, fetches, submits and collects what `release` wrote; it finds the points; what it collected is
    graded; and it brings our page of feedback to the student.
    """
    need_nbgrader()
    (tmp_path / "home").mkdir()
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    shutil.copytree(released / "first", tmp_path / "course" / "release" / "hw1")  # release --to course/release/hw1
    code = EXCHANGE.format(paths=[str(HOMEWORK), str(HOMEWORK.parents[1])], root=str(tmp_path))

    def nbgrader(way):
        done = subprocess.run([sys.executable, "-c", code, way], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    nbgrader("out")
    assert (tmp_path / "home" / "hw1" / "hw1.py").exists()
    found = submitted.submissions("hw1", tmp_path / "course" / "submitted")
    ((student, paths),) = found.items()
    inbound = submitted.submissions("hw1", tmp_path / "exchange" / "neural" / "inbound")
    assert submitted.chosen(inbound[student])[1] == submitted.chosen(paths)[1]
    put(tmp_path, f"graded/feedback/{student}.html", content="<p>Well done.</p>")
    scores.write(tmp_path / "graded" / "scores.csv", "hw1", PARTS, [dict.fromkeys(PARTS, 1) | {"student": student}])
    where = ["--submissions", str(tmp_path / "course" / "submitted"), "--to", str(tmp_path / "course" / "feedback")]
    grading.main(["feedback", "hw1", "--graded", str(tmp_path / "graded"), *where])
    nbgrader("back")
    (page,) = (tmp_path / "home" / "hw1" / "feedback").rglob("hw1.html")
    assert page.read_text(encoding="utf-8") == "<p>Well done.</p>"


# ---- from a download to a table of marks, and feedback back --------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch, "grade_one", lambda job, context: {"points": POINTS, "notes": [], "written": "text"})
    return tmp_path


def graded(folder, *roster):
    """Grade folder/submitted, with a stand-in that gives all points; returns {student: row}."""
    before = dict(os.environ)
    batch.Batch("hw1", 7, dict.fromkeys(roster, 7), "submitted", "graded").grade(1, {}, False, {})
    assert os.environ == before  # what a grading sets for its processes ends with it
    return scores.read("graded/scores.csv", "hw1", PARTS)


def send(folder):
    grading.main(["feedback", "hw1", "--graded", "graded", "--submissions", "submitted", "--to", "back"])


MOODLE = ("Anna Lee_4711_assignsubmission_file_/hw1.ipynb", "Jörg Groß_4712_assignsubmission_file/hw1.ipynb")


def test_moodle_gets_a_zip_in_its_own_names(folder, capsys):
    """Its importer takes the number from between the first two underscores, and four parts are a folder's name."""
    put(folder / "submitted", *MOODLE, "Anna Lee_4713_assignsubmission_file_hw1.ipynb")
    rows = graded(folder)
    assert {student: row["id"] for student, row in rows.items()} == {
        "Anna Lee_4711": "4711", "Anna Lee_4713": "4713", "Jörg Groß": "4712",
    }  # fmt: skip
    send(folder)
    with zipfile.ZipFile("back/hw1-moodle.zip") as file:
        names = file.namelist()
    parts = {name.split("_")[1]: [name.split("/")[0].split("_", 4), name] for name in names}
    assert set(parts) == {"4711", "4712", "4713"}
    assert all(len(first) >= 4 and first[2:4] == ["assignsubmission", "file"] for first, _ in parts.values())
    assert all(re.search(r"[/_]hw1\.html$", name) for name in names)
    assert "feedback for 3 students, named as Moodle wants it" in capsys.readouterr().out


def test_moodles_online_text_is_nobody(folder):
    """Where an assignment takes text too, Moodle makes a second folder for a student, with a page and no notebook."""
    put(folder / "submitted", MOODLE[0], "Anna Lee_4711_assignsubmission_onlinetext_/onlinetext.html")
    assert {student: row["id"] for student, row in graded(folder).items()} == {"Anna Lee": "4711"}


def test_no_file_name_of_a_students_makes_them_another(folder):
    """In a flat download the name that a student gave the file stands behind Moodle's own, and counts for nothing."""
    forged = "Ben_77_assignsubmission_file_Anna Lee_4711_assignsubmission_file_hw1.ipynb"
    put(folder / "submitted", forged, "kim_5_6_anna_4711_8_hw1.ipynb", "zoe/anna_4711_9_hw1.ipynb")
    rows = graded(folder)
    assert {student: row["id"] for student, row in rows.items()} == {"Ben": "77", "kim": "5", "zoe": ""}


def test_canvas_gets_a_zip_in_its_own_names(folder):
    """Its importer wants the numbers of the student and of the file; it gives the file the name of what was handed in,
    a notebook's: so the page comes as one.
    """
    names = ["leeanna_11_901_hw1.ipynb", "grossjoerg_LATE_12_902_hw1-1.ipynb"]
    put(folder / "submitted", *names)
    assert {row["id"] for row in graded(folder).values()} == {"11", "12"}
    put(folder, "graded/feedback/leeanna.html", content="<p>Well done.</p>")
    send(folder)
    with zipfile.ZipFile("back/hw1-canvas.zip") as file:
        assert sorted(file.namelist()) == sorted(names)
        page = nbformat.reads(file.read(names[0]).decode(), as_version=4)
    nbformat.validate(page)
    assert page.cells[0].outputs[0].data["text/html"] == "<p>Well done.</p>"


def test_others_get_a_folder_each(folder, capsys):
    """As nbgrader has it, with the two files that it wants there; whoever handed in nothing is named."""
    put(folder / "submitted", "anna/hw1/hw1.ipynb", "ben.ipynb")
    for file in ("timestamp.txt", "submission_secret.txt"):
        put(folder / "submitted", f"anna/hw1/{file}", content=file)
    graded(folder, "anna", "ben", "zoe")
    send(folder)
    found = {str(path.relative_to(folder / "back")) for path in (folder / "back").rglob("*") if path.is_file()}
    anna = {f"anna/hw1/{file}" for file in ("hw1.html", "timestamp.txt", "submission_secret.txt")}
    assert found == anna | {"ben/hw1/hw1.html"}
    assert "zoe: nothing was handed in" in capsys.readouterr().out


def test_feedback_without_a_grading_is_refused(folder):
    """The folder that was named is not one that `grade` wrote to, or the submissions are not there."""
    (folder / "submitted").mkdir()
    with pytest.raises(SystemExit, match=r"no rows in graded/scores.csv: --graded is the folder"):
        send(folder)
    put(folder / "submitted", "ben.ipynb")
    graded(folder)
    (folder / "submitted").rename(folder / "elsewhere")
    with pytest.raises(SystemExit, match=r"submitted: no such file"):
        send(folder)


def test_a_table_from_before_there_were_numbers_is_read(folder):
    """A term that has begun goes on: hand marks stay, and the number comes with the next grading."""
    put(folder / "submitted", "leeanna_11_901_hw1.ipynb")
    rows = graded(folder)
    rows["leeanna"]["part6"] = "7"
    with open("graded/scores.csv", "w", encoding="utf-8", newline="") as file:
        names = [name for name in scores.columns(PARTS) if name not in ("id", "homework")]
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows.values())
    assert scores.read("graded/scores.csv", "hw1", PARTS)["leeanna"]["id"] == ""
    row = graded(folder)["leeanna"]
    assert (row["id"], row["part6"]) == ("11", "7")


def test_one_folder_does_not_take_two_homeworks(folder):
    """Hand marks of one would become another's: grading, marks and feedback refuse, and the table stays."""
    put(folder / "submitted", "leeanna/hw1.ipynb")
    graded(folder)
    table = (folder / "graded" / "scores.csv").read_bytes()
    given = ["--graded", "graded", "--to", "there"]
    for line in (
        ["grade", "hw2", "--variant", "7", "--submissions", "submitted", "--to", "graded"],
        ["marks", "hw2", *given],
        ["feedback", "hw2", "--submissions", "submitted", *given],
    ):
        with pytest.raises(SystemExit, match="is the table of hw1, not of hw2: give each a folder of its own"):
            grading.main(line)
    assert (folder / "graded" / "scores.csv").read_bytes() == table
    assert not (folder / "there").exists()


def test_from_canvas_and_back(folder):
    """A download, graded, marked by hand, its marks made and filled into Canvas's gradebook: each by the number."""
    put(folder / "submitted", "leeanna_11_901_hw1.ipynb", "leeanna_12_902_hw1.ipynb")
    rows = graded(folder)
    for student, points in (("leeanna_11", "7"), ("leeanna_12", "9,5")):
        rows[student]["part6"] = points
    scores.write("graded/scores.csv", "hw1", PARTS, rows.values())
    grading.main(["marks", "hw1", "--graded", "graded", "--to", "marks.csv"])
    head = "Student,ID,SIS Login ID,Section,hw1 (5)\n    Points Possible,,,,100\n"
    put(folder, "canvas.csv", content=f'{head}"Lee, Anna",12,a2,A,\n"Lee, Anna",11,a1,A,\n')
    grading.main(["fill", "hw1", "--marks", "marks.csv", "--table", "canvas.csv", "--to", "upload.csv"])
    with open("upload.csv", encoding="utf-8", newline="") as file:
        assert [row[-1] for row in csv.reader(file)][2:] == ["99.5", "97"]
