"""What a lesson holds and how long it takes, counted one way for its card, INSTRUCTORS.md and the rules.

Minutes: 150 words of prose a minute; ½ for each displayed formula and each code cell; 2 for each figure and each
slider; an exercise its own stated minutes, and its text, its stub and its check nothing else. Words are those of
Markdown cells; an inline formula is one. A table's words count by half; the card, the references and blocks of code do
not count.

A heading that begins with "Deeper:" (after its number, if it has one) opens a part that can be skipped, to the next
heading of its level or a higher one. An exercise headed **Exercise 3 (deeper).** is one too, to the end of its check.
"""

import math
import re
from dataclasses import dataclass, field

EXERCISE = re.compile(r"\*\*Exercise \d+( \(deeper\))?\.\*\*")
HEADING = re.compile(r"(#+) (.*)")


@dataclass
class Count:
    """How many of each; `minutes` is a sum of the above."""

    words: float = 0.0
    formulas: int = 0
    code: int = 0
    figures: int = 0
    sliders: int = 0
    exercises: list = field(default_factory=list)  # the stated minutes of each

    @property
    def minutes(self):
        half = 0.5 * (self.formulas + self.code)
        return self.words / 150 + half + 2 * (self.figures + self.sliders) + sum(self.exercises)

    def __add__(self, other):
        return Count(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass
class Piece:
    """A stretch of a cell, between headings or exercises: where it stands and what it counts."""

    cell: int
    heading: tuple  # (level, title) of the heading that it stands under; (0, "") before the first
    section: str  # its number and title, "3. Play", or "Deeper: Notation" without a number; "" before the first
    deeper: bool
    text: str  # of Markdown; "" of code
    count: Count


def text(source):
    return source if isinstance(source, str) else "".join(source)


def pieces(cells):
    """[Piece] of a notebook's cells, in order."""
    found, heading, section = [], (0, ""), ""
    level = None  # of the open deeper part
    exercise = None  # None, or (deeper,) from an exercise's statement to its check
    for number, cell in enumerate(cells):
        source = text(cell["source"])
        if cell["cell_type"] != "markdown":
            deeper = level is not None or (exercise is not None and exercise[0])
            count = Count() if exercise is not None else counted_code(cell, source)
            found.append(Piece(number, heading, section, deeper, "", count))
            exercise = None if ".check(" in source else exercise
            continue
        exercise = None
        for part in stretches(source):
            title = HEADING.match(part)
            if title:
                heading, exercise = (len(title[1]), title[2].strip()), None
                section = heading[1] if heading[0] == 2 and re.match(r"\d+\.|Deeper:", heading[1]) else section
                level = None if level is not None and heading[0] <= level else level
                level = heading[0] if level is None and is_deeper(heading[1]) else level
            begins = EXERCISE.match(part)
            exercise = (begins[1] is not None,) if begins else exercise
            deeper = level is not None or (exercise is not None and exercise[0])
            count = counted_exercise(part) if exercise is not None else counted_prose(part, card=number == 0)
            count = Count() if "references" in heading[1].lower() else count
            found.append(Piece(number, heading, section, deeper, part, count))
    return found


def stretches(source):
    """A Markdown cell cut before each heading and each exercise; headings in blocks of code are none."""
    plain = re.sub(r"^(```|~~~).*?^\1", "", source, flags=re.M | re.S)
    return [part for part in re.split(r"^(?=#+ |\*\*Exercise \d)", plain, flags=re.M) if part.strip()]


def is_deeper(title):
    return re.match(r"(\d+\. )?Deeper:", title) is not None


def counted_code(cell, source):
    pictures = sum(kind.startswith("image/") for o in cell.get("outputs", []) for kind in o.get("data", {}))
    sliders = len(re.findall(r"\bexplore\(", source))
    return Count(code=1, sliders=sliders, figures=max(0, pictures - sliders))


def counted_exercise(part):
    return Count(exercises=[int(minutes) for minutes in re.findall(r"\*(\d+) minutes?, ●", part)])


def counted_prose(part, card=False):
    formulas = len(re.findall(r"\$\$.*?\$\$", part, flags=re.S))
    part = re.sub(r"\$\$.*?\$\$", " ", part, flags=re.S)
    lines = part.splitlines()
    table = "\n".join(line for line in lines if line.lstrip().startswith("|"))
    prose = "\n".join(line for line in lines if not line.lstrip().startswith("|"))
    return Count(words=words(prose) + (0 if card else words(table) / 2), formulas=formulas)


def words(prose):
    """How many: an inline formula is one, an address behind a link's words is none."""
    prose = re.sub(r"\$[^$]+\$", " x ", prose)
    prose = re.sub(r"\]\([^)]*\)", "]", re.sub(r"<[^>]*>", "", prose))
    return sum(re.search(r"\w", word) is not None for word in prose.replace("|", " ").split())


def total(found):
    return sum((piece.count for piece in found), Count())


def core(found):
    """The count of what is not deeper."""
    return total([piece for piece in found if not piece.deeper])


def fives(minutes):
    """The minutes as a card says them: up to the next multiple of 5."""
    return 5 * math.ceil(minutes / 5 - 1e-9)


def time_row(cells):
    """What the card says behind **Time**."""
    found = pieces(cells)
    return f"core path {fives(core(found).minutes)} minutes, everything {fives(total(found).minutes)}"
