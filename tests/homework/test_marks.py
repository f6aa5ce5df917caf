"""The final mark: what is not known is named and never counted, and lateness costs what the term's rules say."""

import csv
from datetime import UTC, datetime

import pytest

from tests.homework.conftest import HOMEWORK, load

batch, scores = load(HOMEWORK / "batch.py"), load(HOMEWORK / "scores.py")
lateness, marks, grading = (load(HOMEWORK / f"{name}.py") for name in ("lateness", "marks", "grading"))
PARTS = batch.points_of("hw1")
TERM = """zone = "Europe/Berlin"
grace_minutes = 15
points_a_day = 10
free_days = 3

[deadline]
hw1 = 2026-10-24 23:59:00
hw2 = 2026-11-20 23:59:00

[extension.hw1]
"Anna Lee" = 2
"4711" = 1
"""


def row(student, name="hw1", **other):
    """A row of scores.csv with all automatic points and 8 of 10 by hand."""
    full = {part: 8 if by_hand else most for part, (most, by_hand) in batch.points_of(name).items()}
    return full | {"student": student, "submission": "abc", "note": "", "id": ""} | other


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a term."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graded").mkdir()
    (tmp_path / "term.toml").write_text(TERM, encoding="utf-8")
    return tmp_path


def make(rows, *more, to="marks.csv", name="hw1"):
    """What `marks` writes for these rows of scores.csv, by student."""
    scores.write("graded/scores.csv", name, PARTS, rows)
    grading.main(["marks", name, "--graded", "graded", "--to", to, *more])
    with open(to, encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def late(times, *more):
    """The options for lateness, with a table of times: {student: text}."""
    with open("times.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("student", "submitted"), *times.items()])
    return ["--term", "term.toml", "--times", "times.csv", *more]


def test_a_mark_is_the_sum_of_both(folder):
    """Without rules for lateness: automatic points and the human's, as they stand there, a decimal comma too."""
    table = make([row("anna"), row("ben", part2="7,5", part6="0")])
    assert (table["anna"]["automatic"], table["anna"]["by hand"], table["anna"]["mark"]) == ("90", "8", "98")
    assert (table["ben"]["automatic"], table["ben"]["mark"]) == ("79.5", "79.5")
    assert (folder / "marks.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_what_is_not_known_is_named_and_is_no_zero(folder, capsys):
    """A part not yet marked by hand, a grader that stopped, two notebooks, nobody's variant: no mark, but a line."""
    cases = {
        "anna": ({"part6": ""}, "part6 is not yet marked by hand"),
        "ben": ({"note": "the grader stopped (killed)"}, "the grader stopped"),
        "kim": ({"submission": "none", "note": "not graded: 2 different notebooks were submitted"}, "2 different"),
        "lee": ({"note": scores.NOT_YET, "total": ""}, scores.NOT_YET),
        "max": ({"note": batch.UNLISTED}, batch.UNLISTED),
    }
    table = make([row(student, **given) for student, (given, _) in cases.items()])
    printed = capsys.readouterr().out
    assert "0 marks, 0 of them 0 for what was not handed in; 5 without a mark" in printed
    for student, (_, words) in cases.items():
        assert table[student]["mark"] == ""
        assert words in table[student]["note"]
        assert f"  {student}: no mark: " in printed


def test_what_was_not_handed_in_is_zero_once_it_is_due(folder):
    """0, and the note says so; before the student's own deadline has passed there is no mark."""
    nothing = {"submission": "none", "note": "no notebook was submitted", "part6": "0.0"}
    table = make([row("anna", **nothing), row("ben")])
    assert (table["anna"]["mark"], table["anna"]["note"]) == ("0", "no notebook was submitted")
    term = lateness.read_term("term.toml", "hw1")
    one = dict.fromkeys(PARTS, "0.0") | {"student": "Anna Lee", "id": "", **nothing}
    before, after = datetime(2026, 10, 26, 12, tzinfo=UTC), datetime(2026, 10, 27, 12, tzinfo=UTC)
    assert "not due before 2026-10-27 00:14 CET" in marks.mark(one, PARTS, "", term, {}, 0, before)[1][0]
    assert marks.mark(one, PARTS, "", term, {}, 0, after)[0]["mark"] == "0"


DAYS = [  # the clocks of Berlin go back an hour in the night after this deadline, Saturday 24 October 2026, 23:59
    ("2026-10-24 23:59:00", 0),
    ("2026-10-25 00:14", 0),  # the last minute of grace
    ("2026-10-24T22:14:00Z", 0),
    ("2026-10-24 22:14:00 UTC", 0),  # as nbgrader has it
    ("2026-10-25 00:14:01", 1),
    ("2026-10-25T00:14:01+02:00", 1),
    ("2026-10-26 00:14", 1),  # by the clock a day, though 25 hours
    ("2026-10-26 00:15", 2),
    ("2026-10-25 15:20:00.123456 UTC", 1),
    ("Sunday, 25 October 2026, 11:58 PM", 1),  # as Moodle has it
]


@pytest.mark.parametrize(("text", "days"), DAYS)
def test_days_late_are_counted_by_the_clocks_of_the_zone(folder, text, days):
    """Grace costs nothing; after it each day that has begun counts, across the change of the clocks too."""
    term = lateness.read_term("term.toml", "hw1")
    assert term.days_late(lateness.moment(text, term.zone), "ben", "") == days


def test_extensions_and_free_days_come_before_points(folder):
    """By name and by number; free days are used up over the term, and only the days beyond cost points."""
    when = dict.fromkeys(("Anna Lee", "ben", "4711"), "2026-10-27 12:00")
    rows, again = ([row("Anna Lee", n), row("ben", n, part6="10"), row("kim", n, id="4711")] for n in ("hw1", "hw2"))
    table = make(rows, *late(when))
    got = {student: [table[student][key] for key in marks.COLUMNS[4:8]] for student in table}
    assert got == {"Anna Lee": ["1", "1", "0", "98"], "ben": ["3", "3", "0", "100"], "kim": ["2", "2", "0", "98"]}
    second = dict.fromkeys(("Anna Lee", "ben", "kim"), "2026-11-23 23:00")
    more = late(second, "--earlier", "marks.csv")
    table = make(again, *more, to="marks2.csv", name="hw2")
    got = {student: [table[student][key] for key in marks.COLUMNS[4:8]] for student in table}
    assert got == {"Anna Lee": ["3", "2", "10", "88"], "ben": ["3", "0", "30", "70"], "kim": ["3", "1", "20", "78"]}


def test_no_mark_is_below_zero_and_no_time_is_guessed(folder, capsys):
    """Forty days late; a student whose time is not there; a name in the rules, or a time, that is nobody's."""
    table = make([row("ben"), row("kim")], *late({"ben": "2026-12-03 12:00", "zoe": "2026-10-24 12:00"}))
    assert (table["ben"]["points off"], table["ben"]["mark"]) == ("370", "0")
    assert table["kim"]["mark"] == ""
    assert "when it was handed in is not known" in table["kim"]["note"]
    printed = capsys.readouterr().out
    assert "zoe: has a time, but no row" in printed
    assert "Anna Lee: has an extension, but no row" in printed


def test_times_of_moodle_and_nbgrader(folder):
    """Moodle's grading worksheet has them by number; nbgrader writes them beside what it collects, and into names."""
    head = "Identifier,Full name,Last modified (submission)\n"
    lines = 'Participant 4711,"Lee, Anna","Friday, 20 November 2026, 11:58 PM"\nParticipant 5,Ben,-\n'
    (folder / "sheet.csv").write_text("\ufeff" + head + lines, encoding="utf-8")
    zone = lateness.read_term("term.toml", "hw1").zone
    assert lateness.read_times("sheet.csv", "hw1", zone) == {"4711": datetime(2026, 11, 20, 22, 58, tzinfo=UTC)}
    for name, text in (("anna", "2026-11-20 22:58:00.5 UTC"), ("ben", "2026-11-21 01:00:00 UTC")):
        (folder / "submitted" / name / "hw1").mkdir(parents=True)
        (folder / "submitted" / name / "hw1" / "timestamp.txt").write_text(text, encoding="utf-8")
    for text in ("2026-11-19 01:00:00.1 UTC", "2026-11-20 22:58:00.5 UTC"):
        (folder / "inbound" / f"anna+hw1+{text}+bHVja3lsdWNr").mkdir(parents=True)
    anna = datetime(2026, 11, 20, 22, 58, 0, 500000, tzinfo=UTC)
    assert lateness.read_times("submitted", "hw1", zone)["anna"] == anna
    assert lateness.read_times("inbound", "hw1", zone) == {"anna": anna}
    with pytest.raises(SystemExit, match=r"graded has no timestamp.txt of nbgrader's for hw1. Give a CSV"):
        lateness.read_times("graded", "hw1", zone)


def test_marks_that_a_human_should_look_at_are_named(folder, capsys):
    """A file that was no notebook has its 0, and points that were given to another submission count: both are said."""
    none = dict.fromkeys(PARTS, "0.0") | {"note": "the file is no notebook (KeyError)"}
    given = {"note": "part6 = 8 was given to an earlier submission"}
    table = make([row("anna", **none), row("ben", **given), row("kim")])
    assert {student: one["mark"] for student, one in table.items()} == {"anna": "0", "ben": "98", "kim": "98"}
    printed = capsys.readouterr().out
    assert "  anna: no points: the file is no notebook" in printed
    assert "  ben: the points by hand were given to an earlier submission" in printed
    assert "kim" not in printed


def test_a_table_that_is_there_is_left(folder):
    """A human may have worked on it."""
    (folder / "marks.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"marks.csv is there already.*another --to"):
        make([row("anna")])
    assert (folder / "marks.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("points_a_day = 10", "points_a_day = -1", "points_a_day must be there, a number, 0 or more, not -1"),
        ("free_days = 3", "free_day = 3", "'free_day' is no rule"),
        ("free_days = 3", "free_days = 1.5", "must be whole"),
        ("grace_minutes = 15", "", "grace_minutes must be there"),
        ("Europe/Berlin", "Berlin", "zone = 'Berlin' is no time zone, such as 'Europe/Berlin'"),
        ('zone = "Europe/Berlin"', "", "zone = None is no time zone"),
        ("hw1 = 2026-10-24 23:59:00", "hw1 = 2026-10-24", "must have hw1 = 2026-11-20 23:59:00"),
        ("hw1 = 2026-10-24 23:59:00", "", "must have hw1"),
        ("hw1 = 2026-10-24 23:59:00", "hw1 = 2026-10-24 23:59", "is no TOML: .*line 7"),
        ('"4711" = 1', '"4711" = 1.5', "the extension of '4711' for hw1 must be a whole number of days"),
    ],
)
def test_wrong_rules_have_a_sentence(folder, old, new, words):
    """Which file, which rule, and what is wanted; nothing is written."""
    (folder / "term.toml").write_text(TERM.replace(old, new), encoding="utf-8")
    with pytest.raises(SystemExit, match=f"^term.toml.*{words}"):
        make([row("anna")], *late({"anna": "2026-10-24 12:00"}))
    assert not (folder / "marks.csv").exists()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("student,submitted\nanna,2026-10-24\n", r"times.csv, line 2, column submitted: '2026-10-24' is no date with"),
        ("student,submitted\nanna,24.10.2026 12:00\n", r"line 2, column submitted: '24.10.2026 12:00'"),
        ("student,submitted\nanna,2026-10-24 12:00\nanna,2026-10-25 12:00\n", r"line 3: 'anna' is there a second time"),
        ("name,time\nanna,2026-10-24 12:00\n", "has the columns name, time: wanted are student,submitted"),
        ("", "has the columns none"),
    ],
)
def test_wrong_times_have_a_sentence(folder, table, words):
    """File, line and column, and the way out."""
    options = late({})
    (folder / "times.csv").write_text(table, encoding="utf-8")
    with pytest.raises(SystemExit, match=words):
        make([row("anna")], *options)


@pytest.mark.parametrize("value", ["nine", "11", "-1", "nan", "inf", "12.May"])
def test_a_wrong_number_by_hand_has_a_sentence(folder, value):
    """A mark that is none, or outside its part: the table, the student and the column."""
    with pytest.raises(SystemExit, match=r"scores.csv, anna, column part6: .* is no number of points from 0 to 10"):
        make([row("anna", part6=value)])


def test_options_and_files_that_are_missing_have_a_sentence(folder):
    """--term without --times, a folder that was not graded, a file that is not there."""
    with pytest.raises(SystemExit, match="go together"):
        make([row("anna")], "--term", "term.toml")
    with pytest.raises(SystemExit, match=r"There is no .*scores.csv: --graded is the folder"):
        grading.main(["marks", "hw1", "--graded", "elsewhere", "--to", "marks.csv"])
    with pytest.raises(SystemExit, match=r"no\.csv: no such file"):
        grading.main(["solution", "hw1", "--variants", "no.csv", "--to", "solutions"])
    with pytest.raises(SystemExit, match=r"no\.csv: no such file"):
        make([row("anna")], "--term", "term.toml", "--times", "no.csv")


def test_a_folder_that_may_not_be_written_has_a_sentence(folder, monkeypatch):
    """A container's user, say, whose folder is another's: the folder, and no traceback."""

    def denied(given, variants):
        raise PermissionError(13, "Permission denied", "graded/feedback")

    monkeypatch.setattr(grading, "run", denied)
    with pytest.raises(SystemExit, match="graded/feedback: permission denied"):
        make([row("anna")])


def test_no_formula_reaches_the_table(folder):
    """A student named like one has an apostrophe in front, and is read again as who they are."""
    name = "=HYPERLINK(A1)"
    assert list(make([row(name)])) == [f"'{name}"]
    assert [one["student"] for one in marks.read("marks.csv")] == [name]
