"""The tables and the map of lessons/INSTRUCTORS.md, read from the lessons. `python -m tests.lessons.make` writes them.

The map has what the lessons' cards and the homework's table name as needed.
"""

import re
from functools import lru_cache
from pathlib import Path

import nbformat

from tests.lessons import counting

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "lessons" / "INSTRUCTORS.md"
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb"))}
HOMEWORK = ROOT / "lessons" / "homework"


@lru_cache
def cells(number):
    return nbformat.read(LESSONS[number], 4).cells


def card(number, label):
    """What the card of a lesson says behind a label."""
    return re.search(rf"\*\*{label}\*\* \|(.*)\|", cells(number)[0].source).group(1).strip()


def needed(number):
    """The numbers of the lessons that the card of a lesson names as needed."""
    return re.findall(r"\b\d\d\b", re.sub(r"\([^)]*\)", "", card(number, "Before this")))


def title(number):
    return re.search(rf"# {number} (.*)", cells(number)[0].source).group(1).split(":")[0]


def assignments():
    """{name: (title, numbers of the lessons after which it comes)}, from the table in homework/README.md."""
    table = (HOMEWORK / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(hw\d)\]\(\S+\) ([^:|]*):?[^|]*\| ([\d, ]+) \|", table, re.M)
    return {name: (title.strip(), re.findall(r"\d\d", after)) for name, title, after in rows}


def minutes(number):
    """[((section's number or "", heading), minutes)]: each section's count in minutes that add up to the whole's.

    What stands above the first section counts to it.
    """
    exact = {}
    for piece in counting.pieces(cells(number)):
        exact[piece.section] = exact.get(piece.section, 0.0) + piece.count.minutes
    above = exact.pop("", 0.0)
    exact[next(iter(exact))] += above
    whole = {section: int(value) for section, value in exact.items()}
    most_cut = sorted(exact, key=lambda section: whole[section] - exact[section])
    for section in most_cut[: round(sum(exact.values())) - sum(whole.values())]:
        whole[section] += 1
    return [(re.match(r"(\d*)\.? ?(.*)", section).groups(), value) for section, value in whole.items()]


def lessons_table():
    """A row for each lesson: what it needs, and what it takes."""
    rows = ["| lesson | needs | core path | everything | exercises in it | cells run | backends |"]
    rows.append("|---|---|---|---|---|---|---|")
    for number in LESSONS:
        found = counting.pieces(cells(number))
        core, everything = counting.core(found), counting.total(found)
        row = [f"[{number} {title(number)}]({LESSONS[number].name})", ", ".join(needed(number)) or "–"]
        row += [f"{counting.fives(core.minutes)} min", f"{counting.fives(everything.minutes)} min"]
        row += [f"{sum(everything.exercises)} min"]
        row += [card(number, "Run time").replace(" on 2 cores", ""), card(number, "Backends")]
        rows.append(f"| {' | '.join(row)} |")
    return rows


def sections_table():
    rows = ["| lesson | minutes, section by section |", "|---|---|"]
    for number in LESSONS:
        spent = " · ".join(f"{k} {heading} **{value}**".strip() for (k, heading), value in minutes(number))
        rows.append(f"| {number} | {spent} |")
    return rows


def edges():
    """[(before, after)] of the map: what cards and table name, without what follows from the rest; 00 is the door."""
    before = {number: set(needed(number)) for number in LESSONS if number != "00"}
    before |= {name: set(after) for name, (_, after) in assignments().items()}

    def above(node):
        return set().union(*({one} | above(one) for one in before.get(node, ())))

    implied = {node: set().union(*map(above, direct)) for node, direct in before.items()}
    return sorted((one, node) for node, direct in before.items() for one in direct - implied[node])


def graph():
    """The map in Mermaid's language, which GitHub and JupyterLab's Markdown preview draw."""
    names = {number: title(number) for number in LESSONS if number != "00"}
    lines = ["```mermaid", "graph LR"]
    lines += [f'    {number}["{number} {name}"]' for number, name in names.items()]
    lines += [f'    {name}(["{name} {title}"])' for name, (title, _) in assignments().items()]
    lines += [f"    {one} --> {node}" for one, node in edges()]
    return [*lines, "```"]


def with_tables(page):
    """The page, its made parts made anew: they stand between <!-- NAME --> and <!-- end -->."""
    made = {"lessons": lessons_table, "sections": sections_table, "map": graph}
    for name, rows in ((name, make()) for name, make in made.items()):
        pattern = rf"(<!-- {name}[^>]*-->\n).*?(<!-- end -->)"
        page, times = re.subn(pattern, lambda m, rows=rows: m[1] + "\n".join([*rows, m[2]]), page, flags=re.S)
        assert times == 1, f"INSTRUCTORS.md must have one place for {name}"
    return page


def write():
    """Make the page's tables and map anew from the lessons as they are on the disk."""
    cells.cache_clear()
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
