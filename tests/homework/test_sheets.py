"""Marks into Canvas's and Moodle's own tables: by number, one column, and every other byte stays."""

import csv
import io

import pytest

from tests.homework.conftest import HOMEWORK, load

sheets, marks, grading, scores = (load(HOMEWORK / f"{name}.py") for name in ("sheets", "marks", "grading", "scores"))
# As Canvas exports it: a name with a comma, two of one name, umlauts, a login that is a number, a test student.
CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,hw1 (901),hw10 (902),Final Score\r\n"
    ",,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,100.00,50.00,(read only)\r\n"
    '"Lee, Anna",11,s011,anna,"Lab ""A"", Monday",,7.00,\r\n'
    '"Lee, Anna",12,s012,anna2,Lab B,55.50,,\r\n'
    '"Groß, Jörg",13,s013,11,Lab B,EX,"8,5",90.1\r\n'
    '"Müller, Zoë",14,s014,zoe,Lab B,,,\r\n'
    '"Student, Test",15,,x9,Lab A,,,\r\n'
)
MOODLE = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,"
    "Grade can be changed,Last modified (grade)\n"
    'Participant 4711,"Lee, Anna",s011,anna@x.org,Submitted,,100.00,Yes,-\n'
    'Participant 4712,"Lee, Anna",s012,anna2@x.org,Submitted,"55,50",100.00,Yes,"Friday, 20 November 2026, 11:58 PM"\n'
    "Participant 4713,Jörg Groß,s013,jo@x.org,No submission,,100.00,Yes,-"
)


def row(student, mark, number="", note=""):
    return dict.fromkeys(marks.COLUMNS, "") | {
        "student": student, "id": number, "mark": mark, "out of": "100", "note": note,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(folder, text, rows, *more):
    """The bytes that `fill` makes of a table."""
    (folder / "export.csv").write_bytes(text.encode())
    with open("marks.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, marks.COLUMNS)
        writer.writeheader()
        writer.writerows({key: scores.cell(value) for key, value in one.items()} for one in rows)
    grading.main(["fill", "hw1", "--marks", "marks.csv", "--table", "export.csv", "--to", "import.csv", *more])
    return (folder / "import.csv").read_bytes()


def test_canvas_is_filled_by_number_and_all_else_stays(folder, capsys):
    """Two of one name, each the own mark; an excused student stays so; what is unmatched or changed is listed."""
    rows = [
        row("leeanna", "91.5", "11"), row("leeanna_12", "60", "12"), row("großjörg", "70", "13"),
        row("nobody", "80", "99"), row("müllerzoë", "", "14", "no mark: part6 is not yet marked by hand"),
    ]  # fmt: skip
    made = fill(folder, CANVAS, rows)
    wanted = CANVAS.replace('Monday",,', 'Monday",91.5,').replace("55.50", "60")
    assert made == wanted.encode()
    printed = capsys.readouterr().out
    for line in (
        "import.csv: 4 students found; only the column hw1 (901) was changed.",
        "leeanna_12 (12): 55.50 becomes 60",
        "großjörg (13): 'EX' stands there and was left; the mark would be 70",
        "nobody (99): has no row in export.csv",
        "müllerzoë (14): no mark: part6 is not yet marked by hand; the cell was left as it was",
        "15, in line 8 of export.csv: has no row in marks.csv",
    ):
        assert line in printed
    assert "leeanna (11)" not in printed


def test_canvas_knows_logins_where_there_are_no_numbers(folder):
    """Submissions named by login; a login that is another's number is the login, where a number was read it is that."""
    assert fill(folder, CANVAS, [row("zoe", "50"), row("s012", "40")]) == CANVAS.replace(
        "zoe,Lab B,", "zoe,Lab B,50").replace("55.50", "40").encode()  # fmt: skip
    (folder / "import.csv").unlink()
    with pytest.raises(SystemExit, match=r"'11' is in the lines 4, 6. Nothing was written"):
        fill(folder, CANVAS, [row("11", "50")])
    assert not (folder / "import.csv").exists()
    assert fill(folder, CANVAS, [row("11", "50", "11")]) == CANVAS.replace('Monday",', 'Monday",50').encode()


def test_moodles_worksheet_is_filled_by_number(folder, capsys):
    """The Identifier's number, or the ID number or address; when a grade was last changed stays, or Moodle skips it."""
    rows = [row("Lee Anna_4711", "91.5", "4711"), row("Lee Anna_4712", "60", "4712"), row("jo@x.org", "7")]
    made = fill(folder, MOODLE, rows)
    wanted = MOODLE.replace("org,Submitted,,", "org,Submitted,91.5,").replace('"55,50"', "60")
    assert made == wanted.replace("No submission,,", "No submission,7,").encode()
    assert "Lee Anna_4712 (4712): 55,50 becomes 60" in capsys.readouterr().out


def test_semicolons_stay(folder):
    """As Canvas exports where a comma is a decimal point."""
    text = "Student;ID;SIS Login ID;Section;hw1 (901)\n    Points Possible;;;;100,00\nLee, Anna;11;anna;A;12,5\n"
    assert fill(folder, text, [row("leeanna", "91.5", "11")]) == text.replace("12,5", "91.5").encode()


@pytest.mark.parametrize(
    "text", ["", "a", "a,b", "a,b\n", 'a,"b\r\n""c"""\r\n\r\n1,\r\n', "a;b;\n;;\n", "\ufeffa\r1\r"]
)
def test_a_sheet_is_written_as_it_was_read(folder, text):
    """Every byte, and the fields are those that Python's csv reads."""
    (folder / "a.csv").write_bytes(text.encode())
    sheet = sheets.Sheet("a.csv")
    sheet.write("b.csv")
    assert (folder / "b.csv").read_bytes() == text.encode()
    read = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=sheet.delimiter)
    assert [[sheets.value(field) for field in one] for one in sheet.rows if one != [""]] == [one for one in read if one]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("hw1 (901)", "Homework (901)"), r"one column hw1. Say which with --column; there are: Homework .901.; hw10"),
        (("hw10 (902)", "hw1 bonus (902)"), r"one column hw1 .901. or hw1 bonus .902.. Say which"),
        (("ID,SIS User", "Nr,SIS User"), r"export.csv begins with Student, Nr.* neither a gradebook of Canvas's"),
        (("100.00", "10.00"), r"export.csv, line 3: the homework has 100 points, the assignment there 10.00"),
        (('Lab ""A""', 'Lab "A"'), r"export.csv, line 4: a quotation mark"),
    ],
)
def test_a_wrong_table_has_a_sentence(folder, change, words):
    """File, line or column, and the way out; nothing is written."""
    with pytest.raises(SystemExit, match=words):
        fill(folder, CANVAS.replace(*change), [row("leeanna", "91.5", "11")])
    assert not (folder / "import.csv").exists()


def test_a_column_can_be_named(folder):
    """Where its name says nothing of the homework."""
    text = CANVAS.replace("hw1 (901)", "Neurons (901)")
    made = fill(folder, text, [row("leeanna", "91.5", "11")], "--column", "Neurons (901)")
    assert made == text.replace('Monday",', 'Monday",91.5').encode()


def test_a_table_of_another_encoding_and_two_marks_for_one_are_refused(folder):
    """As a spreadsheet saves it; and the same student twice in the marks."""
    with pytest.raises(SystemExit, match=r"line 4: both 'leeanna' and 'anna' are that student"):
        fill(folder, CANVAS, [row("leeanna", "91.5", "11"), row("anna", "9")])
    (folder / "export.csv").write_bytes(CANVAS.encode("utf-16"))
    with pytest.raises(SystemExit, match=r"export.csv is not in UTF-8. Take the file as it was exported"):
        grading.main(["fill", "hw1", "--marks", "marks.csv", "--table", "export.csv", "--to", "import.csv"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("91.5", "101"), r"marks.csv, line 2, column 'mark': '101' is no number of points from 0 to 100"),
        (("91.5", "A"), r"marks.csv, line 2, column 'mark': 'A'"),
        (("mark,", "points,"), r"marks.csv has no column 'mark'"),
        (("zoe", "leeanna"), r"marks.csv, line 3: 'leeanna' is in line 2 already"),
    ],
)
def test_wrong_marks_have_a_sentence(folder, change, words):
    """What a human may have done to the table: file, line and column."""
    fill(folder, CANVAS, [row("leeanna", "91.5", "11"), row("zoe", "2")])
    text = (folder / "marks.csv").read_text(encoding="utf-8-sig").replace(*change)
    (folder / "marks.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=words):
        marks.read("marks.csv")


def test_marks_that_a_spreadsheet_saved_are_read(folder):
    """Semicolons and a decimal comma."""
    made = fill(folder, CANVAS, [row("leeanna", "91.5", "11")])
    text = (folder / "marks.csv").read_text(encoding="utf-8-sig").replace(",", ";").replace("91.5", "91,5")
    (folder / "marks.csv").write_text(text, encoding="utf-8-sig")
    (folder / "import.csv").unlink()
    grading.main(["fill", "hw1", "--marks", "marks.csv", "--table", "export.csv", "--to", "import.csv"])
    assert (folder / "import.csv").read_bytes() == made
