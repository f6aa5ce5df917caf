"""The table of a batch, scores.csv: written after every row, read again with what a human has filled in.

A row that is there is whole, whenever the grader is killed: the file is replaced, never changed.
"""

import csv
import os
from pathlib import Path

NOT_YET = "not graded yet"
NOTHING = "nothing was written"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def cell(value):
    """`value` as a spreadsheet may have it: a text that it would take for a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def uncell(text):
    """What `cell` was given."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA) else text


def columns(parts):
    return ["student", "id", "homework", "variant", *parts, "total", "out of", "secret", "submission", "note"]


def read(path, homework, parts):
    """{student: row} of a homework's scores.csv, {} where there is none. Raises SystemExit where it is another table.

    One that was written before there were numbers of students and names of homework in it is read all the same.
    """
    if not Path(path).exists():
        return {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=max(",;\t", key=header.count)))  # a spreadsheet may have changed it
    wanted = [name for name in columns(parts) if name not in ("id", "homework")]
    missing = [name for name in wanted if rows and rows[0].get(name) is None]
    if missing:
        raise SystemExit(f"{path} has no column {missing[0]!r}: it is no table of this homework. Move it away.")
    others = {row["homework"] for row in rows if row.get("homework")} - {homework}
    if others:
        raise SystemExit(f"{path} is the table of {min(others)}, not of {homework}: give each a folder of its own.")
    return {uncell(row["student"]): {name: uncell(row.get(name) or "") for name in columns(parts)} for row in rows}


def write(path, homework, parts, rows):
    """Replace the table of a homework by these rows, dicts. Raises OSError where there is no room for it."""
    beside = Path(path).with_suffix(".part")
    with open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(parts))
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} | {"homework": homework} for row in rows)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def marked(row, part):
    """The points that a human gave for a part in a row that was read, as text; "" where none did.

    The 0 that stands there because nothing was written is nobody's mark.
    """
    return "" if row is None or f"{part}: {NOTHING}" in row["note"] else row[part].strip()
