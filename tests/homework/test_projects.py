"""The project sheet: ten questions, each with a lesson, data, and a figure that its script makes."""

import importlib.util
import re
import struct

import pytest

from tests.homework.conftest import HOMEWORK

pytestmark = pytest.mark.slow(seconds=30)

FOLDER = HOMEWORK / "projects"
SHEET = (FOLDER / "README.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## (?=\d)", SHEET, flags=re.M)[1:]


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("figures", FOLDER / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_ten_questions():
    """Numbered from 1 to 10, and a table of what is expected that sums to 100."""
    assert [int(section.split(".")[0]) for section in SECTIONS] == list(range(1, 11))
    table = SHEET.split("## What is expected")[1].split("## 1.")[0]
    assert sum(int(points) for points in re.findall(r"^\| [^|]+ \| (\d+) \|", table, re.M)) == 100


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.split("\n")[0][:30])
def test_each_has_lesson_data_question_and_figure(section, figures):
    """A link to a lesson that exists, bold question, data, what is good and known; a picture with alt text, < 60 kB."""
    for words in ("*Data:*", "*A good answer*", "*Known:*"):
        assert words in section
    (question,) = re.findall(r"\*\*([^*]+)\*\*", section)
    assert question.endswith("?")
    ((alt, picture),) = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", section)
    assert len(alt) > 40
    assert picture.removesuffix(".png") in figures.FIGURES
    assert (FOLDER / picture).stat().st_size < 60_000
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)]+)\)", section)
    assert any(re.search(r"/\d\d_\w+\.ipynb$", link) for link in links)
    for link in links:
        assert (FOLDER / link).exists(), link


@pytest.mark.parametrize("name", [re.search(r"\((\w+)\.png\)", section).group(1) for section in SECTIONS])
def test_the_script_makes_the_figure(figures, tmp_path, name):
    """It runs without a warning, and the picture has the size of the one on the sheet."""
    figures.make(name, tmp_path)
    new, kept = ((folder / f"{name}.png").read_bytes() for folder in (tmp_path, FOLDER))
    assert struct.unpack(">II", new[16:24]) == struct.unpack(">II", kept[16:24])


def test_every_figure_is_on_the_sheet(figures):
    """No figure is drawn for nothing."""
    assert {f"{name}.png" for name in figures.FIGURES} == set(re.findall(r"\((\w+\.png)\)", SHEET))
