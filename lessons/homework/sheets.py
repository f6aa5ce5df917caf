"""Marks into a table that Canvas or Moodle gave, to be uploaded there: one column is filled, every other byte stays.

A row is found by its number or login and never by a name. What has no partner on the other side is listed.
"""

import re
from pathlib import Path

import marks
from batch import points_of

# The columns by which a row is known: that of the number in the names of downloaded files, then those of logins.
CANVAS = ("ID", ("SIS Login ID", "SIS User ID"))
MOODLE = ("Identifier", ("ID number", "Email address", "Username"))


class Sheet:
    """The rows of a CSV file as lists of fields, each as the file spells it; `write` gives back what was read."""

    def __init__(self, path):
        self.path, self.rows, self.ends, self.lines = path, [[]], [], [1]
        try:
            text = Path(path).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise SystemExit(f"{path} is not in UTF-8. Take the file as it was exported, not saved anew.") from None
        self.mark, text = ("\ufeff", text[1:]) if text[:1] == "\ufeff" else ("", text)
        self.delimiter = max(",;\t", key=re.split(r"[\r\n]", text, maxsplit=1)[0].count)
        d, at, line = re.escape(self.delimiter), 0, 1
        field = re.compile(rf'("(?:[^"]|"")*"|(?:[^"{d}\r\n][^{d}\r\n]*)?)({d}|\r\n|\r|\n|\Z)')
        while at < len(text):
            match = field.match(text, at)
            if not match:
                raise SystemExit(f"{path}, line {line}: a quotation mark opens a field there that does not end well.")
            self.rows[-1].append(match[1])
            line += len(re.findall(r"\r\n|\r|\n", match[0]))
            if match[2] != self.delimiter:
                self.ends.append(match[2])
                self.rows.append([])
                self.lines.append(line)
            elif match.end() == len(text):
                self.rows[-1].append("")
            at = match.end()
        if not self.rows[-1]:
            self.rows.pop()
        self.header = [value(field) for field in self.rows[0]] if self.rows else []

    def cell(self, row, column):
        """What a row (its number) has in a column (its name), "" where the row is too short."""
        at = self.header.index(column)
        return value(self.rows[row][at]).strip() if at < len(self.rows[row]) else ""

    def write(self, path):
        ends = [*self.ends, *[""] * len(self.rows)]
        lines = (self.delimiter.join(row) + end for row, end in zip(self.rows, ends, strict=False))
        Path(path).write_bytes((self.mark + "".join(lines)).encode())


def value(field):
    """What a field says, without its quotation marks."""
    return field[1:-1].replace('""', '"') if field[:1] == '"' else field


def number(text):
    """The number in a cell, None where it holds something else."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def kind(sheet):
    """(the columns that rows are known by, whether it is Canvas's). Raises SystemExit for any other table."""
    if {"ID", "Section"} <= set(sheet.header):
        return CANVAS, True
    if "Identifier" in sheet.header:
        return MOODLE, False
    raise SystemExit(
        f"{sheet.path} begins with {', '.join(sheet.header[:5])}. It is neither a gradebook of Canvas's (which has ID "
        "and Section) nor Moodle's grading worksheet (which has Identifier, where Moodle is set to English)."
    )


def the_column(name, sheet, given, canvas):
    """The name of the column to be filled: `given`, Moodle's Grade, or the one of Canvas's that begins with `name`."""
    fits = [given] if given else ["Grade"]
    if canvas and not given:
        fits = [title for title in sheet.header if re.fullmatch(rf"{name}\b.*\(\d+\)", title, re.I)]
    if len(fits) == 1 and sheet.header.count(fits[0]) == 1:
        return fits[0]
    there = [title for title in sheet.header if re.fullmatch(r".*\(\d+\)", title)] if canvas else sheet.header
    raise SystemExit(
        f"{sheet.path}: there must be one column {' or '.join(fits) or name}. Say which with --column; there are: "
        f"{'; '.join(there) or 'none'}."
    )


def partners(sheet, rows, ids):
    """{index in `rows`: number of a row of the sheet}. Raises SystemExit where two are the same."""
    by_number, by_login = ids
    places = {}
    for column in {by_number, *by_login} & set(sheet.header):
        for at in range(1, len(sheet.rows)):
            if text := sheet.cell(at, column):
                text = re.sub(r"^Participant ", "", text) if column == "Identifier" else text
                places.setdefault((column, text), []).append(at)
    found, taken = {}, {}
    for index, row in enumerate(rows):
        keys = [(by_number, row["id"])] if row["id"] else [(login, row["student"]) for login in (*by_login, by_number)]
        fits = {at for key in keys for at in places.get(key, ())}
        if not fits:
            continue
        lines = ", ".join(str(sheet.lines[at]) for at in sorted(fits))
        if len(fits) > 1:
            raise SystemExit(f"{sheet.path}: {row['student']!r} is in the lines {lines}. Nothing was written.")
        (at,) = fits
        if at in taken:
            raise SystemExit(
                f"{sheet.path}, line {lines}: both {taken[at]!r} and {row['student']!r} are that student. Take one of "
                "them out of the table of marks. Nothing was written."
            )
        found[index], taken[at] = at, row["student"]
    return found


def check_points(sheet, column, most, canvas):
    """Raise SystemExit where the assignment there has other points: a mark would mean another thing."""
    for at in range(1, len(sheet.rows)):
        if canvas:
            limit = sheet.cell(at, column) if "Points Possible" in value(sheet.rows[at][0]) else ""
        else:
            limit = sheet.cell(at, "Maximum Grade") if "Maximum Grade" in sheet.header else ""
        if limit and number(limit) != most:
            raise SystemExit(
                f"{sheet.path}, line {sheet.lines[at]}: the homework has {most:g} points, the assignment there "
                f"{limit}. Set it to the same, and export again."
            )


def enter(sheet, at, column, row):
    """Put the mark of `row` into a row of the sheet where it may be. Returns what is to be said of it, or None."""
    old, new = sheet.cell(at, column), row["mark"]
    if not new:
        return f"{row['note'] or 'no mark'}; the cell was left as it was"
    if old not in ("", "-") and number(old) is None:  # EX, excused, or N/A, not assigned to this student
        return f"{old!r} stands there and was left; the mark would be {new}"
    place = sheet.header.index(column)
    if place >= len(sheet.rows[at]):
        raise SystemExit(f"{sheet.path}, line {sheet.lines[at]}: the row ends before the column {column}.")
    sheet.rows[at][place] = new
    return None if number(old) in (None, float(new)) else f"{old} becomes {new}"


def fill(name, table, path, column, to):
    """Write `path` (Canvas's or Moodle's) anew to `to`, with the marks of `table`, and print what was not filled in."""
    to, rows, sheet = marks.fresh(to), marks.read(table), Sheet(path)
    ids, canvas = kind(sheet)
    column = the_column(name, sheet, column, canvas)
    check_points(sheet, column, sum(points for points, _ in points_of(name).values()), canvas)
    found, said = partners(sheet, rows, ids), []
    for index, row in enumerate(rows):
        words = enter(sheet, found[index], column, row) if index in found else f"has no row in {path}"
        if words:
            said.append(f"{row['student']}{' (' + row['id'] + ')' if row['id'] else ''}: {words}")
    for at in sorted(set(range(1, len(sheet.rows))) - set(found.values())):
        if known_by := sheet.cell(at, ids[0]):
            said.append(f"{known_by}, in line {sheet.lines[at]} of {path}: has no row in {table}")
    sheet.write(to)
    print(f"{to}: {len(found)} students found; only the column {column} was changed.")
    for line in said:
        print(f"  {line}")
