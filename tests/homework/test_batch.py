"""A batch is never lost: rows are written as they come, a killed grading goes on, nobody's hand marks are erased."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.homework.conftest import HOMEWORK, load

batch, scores = load(HOMEWORK / "batch.py"), load(HOMEWORK / "scores.py")
PARTS = batch.points_of("hw1")
RIGHT = {"points": {part: None if by_hand else most for part, (most, by_hand) in PARTS.items()}, "notes": []}


def outcome(job, context=None):
    """A stand-in for the grading of one submission: full marks, or what the submission says."""
    del context
    said = json.loads(job["data"])
    if said.get("raises"):
        raise OSError("No space left on device")
    return RIGHT | {"written": said.get("text", "my text")} | said


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the submissions of three students, which are graded at once."""
    monkeypatch.setattr(batch, "grade_one", outcome)
    for student in ("anna", "ben", "kim"):
        submit(tmp_path, student, {})
    return tmp_path


def submit(folder, student, said):
    (folder / "submitted").mkdir(exist_ok=True)
    (folder / "submitted" / f"{student}.ipynb").write_text(json.dumps(said), encoding="utf-8")


def graded(folder, roster=None, **options):
    """Grade the folder; returns {student: row} of scores.csv."""
    made = batch.Batch("hw1", 7, roster or {}, folder / "submitted", folder / "to", **options)
    made.grade(2, {}, False, {})
    return rows(folder)


def rows(folder):
    with open(folder / "to" / "scores.csv", encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def write(folder, table):
    """What a human does to scores.csv."""
    with open(folder / "to" / "scores.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(next(iter(table.values()))))
        writer.writeheader()
        writer.writerows(table.values())


def test_hand_marks_are_kept(folder):
    """Part 6 = 9 stays when all is graded again; where the submission is another one, the note says so."""
    table = graded(folder)
    assert table["anna"]["part6"] == ""
    table["anna"]["part6"] = table["ben"]["part6"] = "9"
    write(folder, table)
    submit(folder, "ben", {"notes": ["new"]})
    table = graded(folder)
    assert (table["anna"]["part6"], table["ben"]["part6"], table["kim"]["part6"]) == ("9", "9", "")
    assert "part6 = 9 was given to an earlier submission" in table["ben"]["note"]
    assert "part6" not in table["anna"]["note"]


def test_the_zero_of_who_wrote_nothing_is_no_hand_mark(folder):
    """It is automatic, and gone when a text is there; a zero that a human gave is kept."""
    nothing = {"points": RIGHT["points"] | {"part6": 0.0}, "notes": [f"part6: {scores.NOTHING}"]}
    submit(folder, "anna", nothing)
    table = graded(folder)
    assert table["anna"]["part6"] == "0.0"
    table["ben"]["part6"] = "0"
    write(folder, table)
    submit(folder, "anna", {})
    table = graded(folder)
    assert (table["anna"]["part6"], table["ben"]["part6"]) == ("", "0")


def test_resume_grades_what_is_new_or_has_changed(folder, capsys):
    """With the secret that the others had; late ones are new, and whoever took a submission back keeps the row."""
    first = graded(folder)
    submit(folder, "ben", {"notes": ["new"]})
    submit(folder, "zoe", {})
    (folder / "submitted" / "kim.ipynb").unlink()
    capsys.readouterr()
    second = graded(folder, resume=True)
    printed = capsys.readouterr().out.splitlines()
    assert {line.split()[6] for line in printed} == {"ben", "zoe"}
    assert all("of 2, 0 min left" in line for line in printed)
    assert len({row["secret"] for row in (first | second).values()}) == 1
    assert second["kim"] == first["kim"]
    assert "new" in second["ben"]["note"]


def test_one_can_be_graded_again_by_name(folder, capsys):
    """--only takes names that are there, and says which there are."""
    graded(folder)
    capsys.readouterr()
    graded(folder, only=["kim"])
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(SystemExit, match=r"--only nobody: .*There are anna, ben, kim"):
        graded(folder, only=["nobody"])


def test_a_batch_has_one_secret_and_another_batch_another(folder):
    """Identical code earns identical points; who knows the numbers of the last batch knows nothing."""
    secrets = [{row["secret"] for row in graded(folder).values()} for _ in range(2)]
    assert len(secrets[0]) == len(secrets[1]) == 1
    assert secrets[0] != secrets[1]
    assert "0" not in secrets[0]


def test_nothing_that_one_submission_does_ends_the_batch(folder):
    """No file, two files, a pipe, a full disk, an odd name: a row each, and the others have theirs."""
    submit(folder, "ben", {"raises": 1})
    os.mkfifo(folder / "submitted" / "pipe.ipynb")
    submit(folder, "=HYPERLINK(A1)", {"notes": ["@note"], "text": "## part6\n\n# kim: part6"})
    (folder / "submitted" / "kim").mkdir()
    (folder / "submitted" / "kim" / "hw1.ipynb").write_text("{}", encoding="utf-8")
    table = graded(folder, {"zoe": 3})
    assert "No space left on device" in table["ben"]["note"]
    assert "no ordinary file" in table["pipe"]["note"]
    assert "2 different notebooks" not in table["kim"]["note"]  # both have the same content
    assert table["zoe"]["note"].startswith("no notebook was submitted")
    assert table["anna"]["total"] == "90.0"
    assert "=HYPERLINK(A1)" not in table
    assert table["'=HYPERLINK(A1)"]["note"].startswith("'@note")
    assert graded(folder, {"zoe": 3}, resume=True).keys() == table.keys()  # it is known again
    written = {path.name: path.read_text(encoding="utf-8") for path in (folder / "to" / "written").iterdir()}
    assert written["kim.md"] == "my text\n"  # a text that imitates a heading is in its own file
    assert set(written) == {"anna.md", "kim.md", "=HYPERLINK(A1).md"}
    assert {path.stem for path in (folder / "to" / "feedback").iterdir()} >= {"anna", "kim", "pipe", "zoe"}


def test_a_table_that_cannot_be_written_is_said(folder, monkeypatch, capsys):
    """A full disk while rows come in: it is tried again with the next row."""
    right, calls = scores.write, []

    def full(*arguments):
        calls.append(1)
        if len(calls) in (2, 3):
            raise OSError(28, "No space left on device")
        right(*arguments)

    monkeypatch.setattr(scores, "write", full)
    assert graded(folder)["anna"]["total"] == "90.0"
    assert "could not be written: [Errno 28]" in capsys.readouterr().out


def test_a_table_of_another_kind_is_refused(folder):
    """One sentence that names the column; a table that a spreadsheet wrote with semicolons is read."""
    table = graded(folder)
    path = folder / "to" / "scores.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8-sig")
    assert {student: row["total"] for student, row in scores.read(path, "hw1", PARTS).items()} == {
        student: row["total"] for student, row in table.items()
    }
    path.write_text("name,points\nanna,3\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no column 'student'"):
        graded(folder)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "'", "'=1", "plain", "1.5", ""])
def test_no_formula_reaches_a_spreadsheet(value):
    """What a spreadsheet would take for a formula has an apostrophe in front, and is read again as what it was."""
    assert scores.cell(value)[:1] not in ("=", "+", "-", "@", "\t") or value == ""
    assert scores.uncell(scores.cell(value)) == value


KILLED = """
import sys, time, zlib
sys.path[:0] = {paths!r}
import batch

def slowly(job, context):  # points and duration depend on nothing but the submission and the secret
    time.sleep(0.05)
    points = zlib.crc32(job["data"] + str(job["secret"]).encode()) % 90
    return {{"points": dict.fromkeys(("part1", "part2"), points / 10), "notes": [], "written": "text"}}

batch.grade_one = slowly
batch.Batch("hw1", 7, {{}}, {folder!r}, {to!r}, resume={resume}, secret={secret}).grade(2, {{}}, False, {{}})
"""


def test_a_killed_batch_goes_on(tmp_path):
    """Twenty submissions, the grader killed twice (SIGKILL) and resumed: each row is that of an undisturbed run."""
    for i in range(20):
        submit(tmp_path, f"student {i}", {"number": i})
    line = {"paths": [str(HOMEWORK), str(HOMEWORK.parents[1])], "folder": str(tmp_path / "submitted")}

    def start(to, resume, secret=None):
        code = KILLED.format(**line, to=str(tmp_path / to), resume=resume, secret=secret)
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    def end(grader):
        grader.communicate(timeout=60)
        return grader.returncode

    done = []
    for resume in (False, True):
        grader = start("to", resume)
        for _ in range(5):
            grader.stdout.readline()
        grader.send_signal(signal.SIGKILL)
        grader.communicate(timeout=60)
        table = scores.read(tmp_path / "to" / "scores.csv", "hw1", PARTS)
        assert len(table) == 20
        done.append(sum(row["note"] != scores.NOT_YET for row in table.values()))
    assert 5 <= done[0] < done[1] < 20
    assert end(start("to", True)) == 0
    secret = int(rows(tmp_path)["student 0"]["secret"])
    assert end(start("undisturbed", False, secret)) == 0
    undisturbed = scores.read(tmp_path / "undisturbed" / "scores.csv", "hw1", PARTS)
    assert scores.read(tmp_path / "to" / "scores.csv", "hw1", PARTS) == undisturbed


@pytest.mark.parametrize("way", ["dies", "garbage", "sleeps"])
def test_a_process_that_dies_has_a_sentence(monkeypatch, way):
    """Killed, cut off in the middle of its result, or without an end: the batch has words for it."""

    def alone(channel, printed, job):
        printed.write_text("the last words\n", encoding="utf-8")
        if way == "garbage":
            channel.send_bytes(b'{"points": {"part1": 12')
        elif way == "sleeps":
            time.sleep(100)

    monkeypatch.setattr(batch, "mark_alone", alone)
    job = {"limits": {"notebook_seconds": -599.8 / 6 if way == "sleeps" else 1}}
    found = batch.grade_one(job, batch.multiprocessing.get_context("fork"))
    assert found["points"] == {}
    assert found["notes"][0].startswith("the grader stopped")
    assert "the last words" in found["notes"][0]
