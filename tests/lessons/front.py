"""What lesson 00 holds that is made from the other lessons: the way through the course, and the glossary.

`python -m tests.lessons.make NN` writes each into the cell that carries its name as a tag, between two markers.
"""

from tests.lessons import counting, glossary
from tests.lessons.pack import LESSONS, cells, needed, title

# The parts of the course: the numbers of a part's lessons.
PARTS = {
    "I From layers to time": ["01", "02", "03", "04"],
    "II Learning through a solver": ["05", "06", "07", "08", "09"],
    "III Densities that flow": ["10", "11", "12"],
    "IV Stability and stiffness": ["13", "14", "15"],
    "V Physics": ["16", "17", "18"],
    "VI Time series": ["19", "20", "21"],
    "VII Generation today": ["22", "23"],
    "VIII The wider view": ["24", "25", "26", "27"],
    "IX At work": ["28", "29"],
}


def way():
    """A row for each lesson: what it needs, the minutes of its core path and of everything; the sum at the end."""
    rows = ["| part | lesson | needs | core path | everything |", "|---|---|---|---|---|"]
    sums = [0, 0]
    for part, lessons in PARTS.items():
        for number in lessons:
            found = counting.pieces(cells(number))
            both = [counting.fives(count.minutes) for count in (counting.core(found), counting.total(found))]
            sums = [a + b for a, b in zip(sums, both, strict=True)]
            link = f"[{number} {title(number)}]({LESSONS[number].name})"
            needs = ", ".join(needed(number)) or "–"
            rows.append(f"| {part} | {link} | {needs} | {both[0]} min | {both[1]} min |")
            part = ""
    return [*rows, f"| | all | | {hours(sums[0])} | {hours(sums[1])} |"]


def hours(minutes):
    return f"{minutes // 60} h {minutes % 60} min"


def markers(name):
    return f"<!-- {name}: made by python -m tests.lessons.make -->", f"<!-- end of {name} -->"


def written(source, name, lines):
    """A cell's source with the lines between its markers. Raises ValueError without them."""
    begin, end = markers(name)
    if begin not in source or end not in source:
        raise ValueError(f"the cell tagged {name!r} in lesson 00 needs the lines {begin} and {end}")
    return "\n".join([source.split(begin)[0] + begin, "", *lines, "", end]) + source.split(end)[1]


def write(notebook, folder):
    """Make the parts of lesson 00 anew, of a notebook in memory, from the lessons in `folder`."""
    cells.cache_clear()
    for cell in notebook.cells:
        for name, lines in (("way", way), ("glossary", lambda: glossary.table(folder))):
            if name in cell.metadata.get("tags", []):
                cell.source = written(cell.source, name, lines())
