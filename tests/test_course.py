"""`nodekit-course FOLDER` copies the course, for a student, and never writes over what is there."""

import os
from pathlib import Path

import pytest

from nodekit import course

LESSONS = Path(__file__).parents[1] / "lessons"


@pytest.fixture
def source(tmp_path):
    """A small course: a lesson, an exercise, and what no student gets."""
    names = [
        "00_start_here.ipynb", "exercises/ex00.py", "homework/hw1/answers.py", "INSTRUCTORS.md",
        "exercises/__pycache__/ex00.pyc", ".nodekit_progress.json", ".ipynb_checkpoints/00_start_here.ipynb",
    ]  # fmt: skip
    for name in names:
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"first {name}", encoding="utf-8")
    return tmp_path / "source"


def test_a_student_gets_the_lessons_and_nothing_of_the_instructors(source, tmp_path):
    """Neither homework and its answers, nor what is hidden or made by Python."""
    new, equal, kept = course.copy(tmp_path / "a" / "b", source)
    assert [path.as_posix() for path in new] == ["00_start_here.ipynb", "exercises/ex00.py"]
    assert (equal, kept) == ([], [])
    there = {p.relative_to(tmp_path / "a" / "b").as_posix() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    assert there == {"00_start_here.ipynb", "exercises/ex00.py"}


def test_nothing_is_written_over(source, tmp_path):
    """A changed file stays, and is named; a deleted one comes back; a new one is added."""
    folder = tmp_path / "mine"
    course.copy(folder, source)
    (folder / "00_start_here.ipynb").write_text("my notes", encoding="utf-8")
    (source / "01_new.ipynb").write_text("new", encoding="utf-8")
    (folder / "exercises" / "ex00.py").unlink()
    new, equal, kept = course.copy(folder, source)
    assert [path.as_posix() for path in new] == ["01_new.ipynb", "exercises/ex00.py"]
    assert (equal, [path.as_posix() for path in kept]) == ([], ["00_start_here.ipynb"])
    assert (folder / "00_start_here.ipynb").read_text(encoding="utf-8") == "my notes"
    assert course.copy(folder, source) == ([], [Path("01_new.ipynb"), Path("exercises/ex00.py")], kept)


def test_a_file_of_the_same_length_and_time_is_compared(source, tmp_path):
    """Equal means the same bytes: a change that keeps length and date is one."""
    folder = tmp_path / "mine"
    course.copy(folder, source)
    path, original = folder / "00_start_here.ipynb", source / "00_start_here.ipynb"
    path.write_text(original.read_text(encoding="utf-8")[::-1], encoding="utf-8")
    stat = original.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert course.copy(folder, source)[2] == [Path("00_start_here.ipynb")]


def test_a_copy_that_was_stopped_is_taken_up(source, tmp_path, monkeypatch):
    """A file is there whole or not at all: the next call brings it."""
    folder = tmp_path / "mine"

    def stopped(old, new):
        Path(new).write_text("fir", encoding="utf-8")
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(course.shutil, "copyfile", stopped)
        with pytest.raises(KeyboardInterrupt):
            course.copy(folder, source)
    assert not (folder / "00_start_here.ipynb").exists()
    course.copy(folder, source)
    assert (folder / "00_start_here.ipynb").read_text(encoding="utf-8") == "first 00_start_here.ipynb"
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == ["00_start_here.ipynb", "ex00.py"]


def test_the_command_says_what_it_did(tmp_path, capsys):
    """From this clone: how many files, what stays as it is, and what to type next."""
    folder = tmp_path / "course"
    assert course.main([str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"{len(course.files(LESSONS))} files copied to {folder}, 0 were there already." in said
    assert f"Next: jupyter lab {folder / '00_start_here.ipynb'}" in said
    (folder / "00_start_here.ipynb").write_text("my notes", encoding="utf-8")
    assert course.main([str(folder)]) == 0
    said = capsys.readouterr().out
    assert "1 of these differ from this version's, and stay as they are:\n    00_start_here.ipynb\n" in said


def test_a_file_in_place_of_a_folder_is_named(tmp_path, capsys):
    """One line on what is wrong, and no traceback."""
    (tmp_path / "course").write_text("", encoding="utf-8")
    assert course.main([str(tmp_path / "course")]) == 1
    assert f"{tmp_path / 'course'} is a file: name a folder for the course" in capsys.readouterr().err


def test_an_installation_without_lessons_says_so(tmp_path):
    """Not zero files copied, and all well."""
    with pytest.raises(FileNotFoundError, match="came without lessons"):
        course.copy(tmp_path / "course", tmp_path)
