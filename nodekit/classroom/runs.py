"""Long runs (from lesson 12 on): what does not fit a lesson's minute is a script beside it, and the table it wrote.

A script lessons/runs/NN_slug.py has a function that measures one row, and the settings of all its rows:

    if __name__ == "__main__":
        runs.make(__file__, measure, [{"regulariser": r, "seed": s} for r in ("none", "kinetic") for s in range(5)])

`python lessons/runs/NN_slug.py` writes the table NN_slug.csv beside it; with `--compare` it measures all again, and
says which numbers have left the spread of the table. A lesson shows the table, measures one row itself, and asserts
that this row lies within the spread:

    run = runs.Run("12_regularised")
    run.show("evaluations", "nll", by="regulariser")
    setting = {"regulariser": "kinetic", "seed": 0}
    assert not run.outside(setting, run.script.measure(**setting))
"""

import csv
import importlib.util
import math
import os
import statistics
import sys
import time
from datetime import date
from pathlib import Path

from nodekit.classroom.training import progress_bar

__all__ = ["Run", "make"]

FOLDER = "runs"


class Run:
    """The script and the table of a long run.

    Attributes
    ----------
    script : the module of the script, for its function that measures a row
    about : str, when, with what and for how long the table was made
    settings : the names of the columns that say what was run; "seed" is one of them
    rows : list of dicts, a row of the table each; numbers are floats, whole ones ints, all else text

    name: the script's, without ".py", in the folder runs/ of the working folder or in `folder`.
    Raises FileNotFoundError that says how the table is made, for a table or script that is not there; `outside` raises
    ValueError for a row that the table does not have.
    """

    def __init__(self, name, folder=FOLDER):
        self.path = Path(folder, f"{name}.csv")
        script = self.path.with_suffix(".py")
        for path in (script, self.path):
            if not path.exists():
                raise FileNotFoundError(f"there is no {path.name} in {path.parent}: python lessons/runs/{name}.py")
        spec = importlib.util.spec_from_file_location(f"run_{name}", script)
        self.script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.script)
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self.about, settings = (line.removeprefix("# ") for line in lines[:2])
        self.settings = settings.removeprefix("settings: ").split(", ")
        self.rows = [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(lines[2:])]

    def column(self, name, **setting):
        """The numbers of a column, in the table's order, of the rows with this setting: a list."""
        return [row[name] for row in self.rows if all(row[key] == value for key, value in setting.items())]

    def show(self, *columns, by, where=None):
        """Print for each value of the setting `by` the mean of each column, and its least and largest value."""
        where = where or {}
        groups = dict.fromkeys(row[by] for row in self.rows if all(row[k] == v for k, v in where.items()))
        cells = [[by, *columns]]
        for value in groups:
            found = [self.column(name, **{**where, by: value}) for name in columns]
            spans = [f"{_short(statistics.fmean(x))} ({_short(min(x))} … {_short(max(x))})" for x in found]
            cells.append([str(value), *spans])
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        for row in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        seeds = len({row["seed"] for row in self.rows})
        print(f"mean (least … largest) over {seeds} seeds; {self.about}")

    def outside(self, setting, measured):
        """What lies outside the table's spread, in words; an empty list if nothing does.

        setting: {name: value}, one row's. measured: {column: number}. The spread of a column is from its least to its
        largest value over the seeds of this setting, widened on both sides by as much as it is wide.
        Raises ValueError for a setting or a column that the table does not have.
        """
        others = {key: value for key, value in setting.items() if key != "seed"}
        wrong = []
        for name, value in measured.items():
            try:
                found = self.column(name, **others)
            except KeyError as error:
                raise ValueError(f"{self.path.name} has no column {error}; it has {', '.join(self.rows[0])}.") from None
            if not found:
                raise ValueError(f"{self.path.name} has no row with {others}.")
            low, high = min(found), max(found)
            wide = max(high - low, 1e-6 * max(abs(low), abs(high)))
            if not low - wide <= value <= high + wide:
                wrong.append(f"{name} = {_short(value)} for {setting}; the table has {_short(low)} … {_short(high)}")
        return wrong


def make(file, measure, settings):
    """Measure all rows and write the table; with --compare on the command line, compare with the table instead.

    file: the script's __file__. measure: function (**setting) -> {column: number}. settings: list of dicts with the
    same names, "seed" among them, and text or numbers as values. Ends the program with 1 where a comparison fails.
    """
    path, compare = Path(file), "--compare" in sys.argv[1:]
    begin, rows = time.process_time(), []
    for setting in (bar := progress_bar(settings, path.stem)):
        bar.set_postfix(setting)
        rows.append({**setting, **measure(**setting)})
    seconds = time.process_time() - begin
    if compare:
        sys.exit(_compared(Run(path.stem, path.parent), rows))
    import torch

    new = path.with_suffix(".csv.new")
    with new.open("w", encoding="utf-8", newline="") as table:
        table.write(
            f"# made on {date.today()}, torch {torch.__version__.split('+')[0]}, {os.cpu_count()} cores, "
            f"{seconds:.0f} CPU seconds\n# settings: {', '.join(settings[0])}\n"
        )
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{x:.5g}" if isinstance(x, float) else x for key, x in row.items()} for row in rows)
    os.replace(new, path.with_suffix(".csv"))  # whole or not at all


def _compared(run, rows):
    """1 and what has left the table's spread, printed, or 0."""
    settings = run.settings
    wrong = [
        said
        for row in rows
        for said in run.outside({k: row[k] for k in settings}, {k: x for k, x in row.items() if k not in settings})
    ]
    print("\n".join(wrong) or f"all {len(rows)} rows lie within the spread of {run.path.name}")
    return int(bool(wrong))


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _short(x):
    return f"{x:.3g}" if not float(x).is_integer() or not math.isfinite(x) else f"{x:.0f}"
