"""The decision table: what each lesson measured about when to use its method, and when another (lesson 27).

Each lesson writes its rows to decisions/NN.csv. `table()` reads them all, `show("stiff")` prints those with a word.
"""

import csv
from pathlib import Path
from textwrap import wrap

__all__ = ["show", "table"]

COLUMNS = ["task", "method", "measured", "setting"]


def table(folder="decisions"):
    """The rows of all lessons, a list of dicts: lesson ("08"), task, method, measured, setting.

    folder: where the files NN.csv are. Raises FileNotFoundError where there are none, ValueError that names the file
    and the row for one without all four entries.
    """
    rows = []
    for path in sorted(Path(folder).glob("[0-9][0-9].csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                if list(row) != COLUMNS or not all(row.values()):
                    raise ValueError(f"{path.name}, row {number}: {', '.join(COLUMNS)} are wanted, got {row}.")
                rows.append({"lesson": path.stem, **row})
    if not rows:
        raise FileNotFoundError(f"there are no files NN.csv in {folder}: start from the lessons' folder.")
    return rows


def show(*words, folder="decisions"):
    """Print the rows that hold each of the words, in any of their entries; all rows without words.

    Prints that there is none, where there is none.
    """
    found = [row for row in table(folder) if all(word.lower() in " ".join(row.values()).lower() for word in words)]
    for row in found:
        print(f"{row['lesson']}  {row['task']}")
        for name in COLUMNS[1:]:
            for i, line in enumerate(wrap(row[name], 88)):
                print(f"    {name if i == 0 else '':9s} {line}")
    print(f"{len(found)} rows" + (f" with {' and '.join(words)}" if words else ""))
