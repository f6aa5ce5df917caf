"""The tables and the map of lessons/INSTRUCTORS.md, read from the lessons: `python -m tests.lessons.pack` writes them.

The map has what the lessons' cards and the homework's table name as needed.
"""

import re
from functools import lru_cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "lessons" / "INSTRUCTORS.md"
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb"))}
HOMEWORK = ROOT / "lessons" / "homework"

# Seconds, in proportion: a word, a displayed formula, a line of code, a figure; and what one does, found by its call.
WORD, FORMULA, LINE, FIGURE = 1 / 3, 30, 3, 40
DOING = {".ask(": 60, "sliders.": 120, ".quiz.show(": 180}


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


def sections(number):
    """[(heading, seconds of reading in proportion)] of the numbered sections; exercises are counted apart."""
    out = []
    for cell in cells(number):
        if cell.cell_type == "markdown":
            heading = re.search(r"^## (\d+)\. (.*)", cell.source, re.M)
            if heading:
                out.append([heading.groups(), 0.0])
            text = re.sub(r"\$\$.*?\$\$", "", cell.source, flags=re.S)
            seconds = WORD * len(text.split()) + FORMULA * (cell.source.count("$$") // 2)
        else:
            seconds = LINE * len([line for line in cell.source.splitlines() if line.strip()])
            seconds += FIGURE * any("image/png" in output.get("data", {}) for output in cell.outputs)
            seconds += sum(value for call, value in DOING.items() if call in cell.source)
        if out and not exercise_minutes(cell):
            out[-1][1] += seconds
    return out


def exercise_minutes(cell):
    """The minutes that an exercise asks for, 0 for a cell that is none."""
    return sum(map(int, re.findall(r"\*(\d+) minutes?, ●", cell.source))) if cell.cell_type == "markdown" else 0


def minutes(number):
    """[((section's number, heading), minutes)]: the card's reading time shared out, in whole minutes of at least 1."""
    found, total = sections(number), int(re.match(r"\d+", card(number, "Reading time")).group())
    scale = total / sum(seconds for _, seconds in found)
    exact = [scale * seconds for _, seconds in found]
    whole = [max(1, int(value)) for value in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for k in range(total - sum(whole)):
        whole[by_rest[k % len(whole)]] += 1
    return [(heading, value) for (heading, _), value in zip(found, whole, strict=True)]


def lessons_table():
    """A row for each lesson: what it needs, what it takes, and how its minutes fall to its sections."""
    rows = ["| lesson | needs | reading | exercises | cells run | backends |", "|---|---|---|---|---|---|"]
    for number in LESSONS:
        practice = sum(map(exercise_minutes, cells(number)))
        row = [f"[{number} {title(number)}]({LESSONS[number].name})", ", ".join(needed(number)) or "–"]
        row += [card(number, "Reading time").replace("minutes", "min"), f"{practice} min"]
        row += [card(number, "Run time").replace(" on 2 cores", ""), card(number, "Backends")]
        rows.append(f"| {' | '.join(row)} |")
    return rows


def sections_table():
    rows = ["| lesson | minutes of reading, section by section |", "|---|---|"]
    for number in LESSONS:
        spent = " · ".join(f"{k} {heading.strip()} **{value}**" for (k, heading), value in minutes(number))
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


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
