"""The decision table: all lessons' rows, found by words, and a file that is not whole is named."""

import pytest

from nodekit.classroom import decisions

HEAD = "task,method,measured,setting\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "08.csv").write_text(HEAD + 'classify,a ResNet,"2.9 %, fast",digits\n', encoding="utf-8")
    (tmp_path / "03.csv").write_text(
        HEAD + "solve,RK4,order 4,a ring\nforecast,Euler,order 1,digits\n", encoding="utf-8"
    )
    (tmp_path / "notes.csv").write_text("anything", encoding="utf-8")
    return tmp_path


def test_all_rows_in_the_order_of_the_lessons(folder):
    rows = decisions.table(folder)
    assert [(row["lesson"], row["task"]) for row in rows] == [("03", "solve"), ("03", "forecast"), ("08", "classify")]
    assert rows[2] == {
        "lesson": "08", "task": "classify", "method": "a ResNet", "measured": "2.9 %, fast", "setting": "digits"
    }  # fmt: skip


def test_rows_that_hold_each_word(folder, capsys):
    decisions.show("DIGITS", "euler", folder=folder)
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "03  forecast"
    assert "order 1" in said
    assert said.endswith("1 rows with DIGITS and euler\n")
    decisions.show("nothing", folder=folder)
    assert capsys.readouterr().out == "0 rows with nothing\n"
    decisions.show(folder=folder)
    assert capsys.readouterr().out.endswith("\n3 rows\n")


def test_a_long_entry_is_wrapped(folder, capsys):
    long = " ".join(["word"] * 60)
    (folder / "04.csv").write_text(HEAD + f"adapt,dopri5,{long},a ring\n", encoding="utf-8")
    decisions.show("adapt", folder=folder)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 102
    assert " ".join(lines).count("word") == 60


@pytest.mark.parametrize("text", [HEAD + "a,b,,d\n", HEAD + "a,b,c\n", "task,method\na,b\n"])
def test_a_row_that_is_not_whole_is_named(folder, text):
    (folder / "05.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"05\.csv, row 1"):
        decisions.table(folder)


def test_a_folder_without_rows(tmp_path):
    with pytest.raises(FileNotFoundError, match="no files"):
        decisions.table(tmp_path)
