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
    return ["student", "id", "variant", *parts, "total", "out of", "secret", "submission", "note"]


def read(path, parts):
    """{student: row} of a scores.csv, {} where there is none. Raises SystemExit where it is another kind of table."""
    if not Path(path).exists():
        return {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=max(",;\t", key=header.count)))  # a spreadsheet may have changed it
    missing = [name for name in columns(parts) if name != "id" and rows and rows[0].get(name) is None]
    if missing:
        raise SystemExit(f"{path} has no column {missing[0]!r}: it is no table of this homework. Move it away.")
    return {uncell(row["student"]): {name: uncell(row.get(name) or "") for name in columns(parts)} for row in rows}


def write(path, parts, rows):
    """Replace the table by these rows, dicts. Raises OSError where there is no room for it."""
    beside = Path(path).with_suffix(".part")
    with open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(parts))
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def marked(row, part):
    """The points that a human gave for a part in a row that was read, as text; "" where none did.

    The 0 that stands there because nothing was written is nobody's mark.
    """
    return "" if row is None or f"{part}: {NOTHING}" in row["note"] else row[part].strip()
