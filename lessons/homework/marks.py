"""The final mark of each student: the automatic points and the human's, less what lateness costs (lateness.py).

Where something that is needed is not known, there is no mark, and the list says what is missing; it is not 0.
"""

import csv
from datetime import datetime
from pathlib import Path

import scores
from batch import NONE, STOPPED, UNLISTED, points_of
from submitted import MISSING

COLUMNS = ("student", "id", "automatic", "by hand", "days late", "free days", "points off", "mark", "out of", "note")


def fresh(path):
    """The path of a file that is to be written. Raises SystemExit where there is one: a human may have worked on it."""
    path = Path(path)
    if path.exists():
        raise SystemExit(f"{path} is there already, and is left as it is. Move it away, or give another --to.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def points(text, most, where):
    """The number that a cell of a table holds, 0 to `most`. Raises SystemExit that names the cell."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise SystemExit(f"{where}: {text!r} is no number of points from 0 to {most:g}. Correct it there.")
    return value


def mark(row, parts, where, term=None, times=None, used=0, now=None):
    """A row of marks.csv for a row of scores.csv, and why it has no mark, [] if it has one.

    parts: {part: (points, by hand)}. times: {name or number: when}. used: free days that earlier homework has taken.
    """
    student, number, note = row["student"], row["id"], row["note"]
    most = sum(points for points, _ in parts.values())
    result = {"student": student, "id": number, "out of": f"{most:g}", "note": ""}
    if scores.NOT_YET in note or STOPPED in note or UNLISTED in note:
        return result, [f"not graded: {note[:150]}"]
    if row["submission"] == NONE and not note.startswith(MISSING):
        return result, [note[:150]]
    why, summed = [], {False: 0.0, True: 0.0}
    for part, (most_of_part, by_hand) in parts.items():
        if by_hand and not row[part].strip():
            why.append(f"{part} is not yet marked by hand")
        else:
            summed[by_hand] += points(row[part], most_of_part, f"{where}, {student}, column {part}")
    result |= {"automatic": f"{summed[False]:g}", "by hand": "" if why else f"{summed[True]:g}"}
    if row["submission"] == NONE:
        due = term.limit(student, number).replace(tzinfo=term.zone) if term else None
        if due and now and now < due:
            return result, [f"nothing was handed in yet, and it is not due before {due:%Y-%m-%d %H:%M %Z}"]
        return result | {"mark": "0", "note": MISSING}, []
    off = 0.0
    if term:
        when = times.get(student, times.get(number) if number else None)
        if when is None:
            return result, [*why, "when it was handed in is not known"]
        days = term.days_late(when, student, number)
        free = max(0, min(days, int(term.free_days) - used))
        off = term.points_a_day * (days - free)
        result |= {"days late": days, "free days": free, "points off": f"{off:g}"}
    if summed[False] == 0:
        result["note"] = f"no points: {note[:100]}"
    if "was given to an earlier submission" in note:
        result["note"] = "the points by hand were given to an earlier submission"
    if not why:
        result["mark"] = f"{round(max(0.0, summed[False] + summed[True] - off), 2):g}"
    return result, why


def make(name, graded, term, times, earlier, to):
    """Write the table of marks, and print who has none, and why."""
    to, parts, table = fresh(to), points_of(name), Path(graded, "scores.csv")
    if not table.exists():
        raise SystemExit(f"There is no {table}: --graded is the folder that `grade` wrote to.")
    rows, now = scores.read(table, name, parts), datetime.now().astimezone()
    used = {}
    for path in earlier:
        for row in read(path):
            used[row["student"]] = used.get(row["student"], 0) + int(row["free days"] or 0)
    marks, open_ones = [], []
    for student, row in rows.items():
        one, why = mark(row, parts, table, term, times, used.get(student, 0), now)
        one["note"] = "; ".join(["no mark: " + ", ".join(why)] if why else filter(None, [one["note"]]))
        marks.append(one)
        if one["note"] and one["note"] != MISSING:
            open_ones.append(f"{student}: {one['note']}")
    known = set(rows) | {row["id"] for row in rows.values()}
    for what, names in (("an extension", term.extension if term else ()), ("a time", times or ())):
        open_ones += [f"{one}: has {what}, but no row in {table}" for one in sorted(set(names) - known)]
    with open(to, "w", encoding="utf-8-sig", newline="") as file:  # by which a spreadsheet knows that it is UTF-8
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({key: scores.cell(value) for key, value in one.items()} for one in marks)
    have = sum("mark" in one for one in marks)
    missing = sum(one["note"] == MISSING for one in marks)
    print(f"{to}: {have} marks, {missing} of them 0 for what was not handed in; {len(marks) - have} without a mark.")
    for line in open_ones:
        print(f"  {line}")


def read(path):
    """The rows of a table of marks, as a human may have saved it. Raises SystemExit that names what is wrong."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(",;\t", key=header.count))
            rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise SystemExit(f"{path} is not in UTF-8. Save it as 'CSV UTF-8'.") from None
    missing = [name for name in COLUMNS if rows and rows[0][1].get(name) is None]
    if missing:
        raise SystemExit(f"{path} has no column {missing[0]!r}: it is no table that `marks` wrote.")
    seen = {}
    for line, row in rows:
        row |= {key: scores.uncell(row[key] or "") for key in COLUMNS}
        most = points(row["out of"], 1e6, f"{path}, line {line}, column 'out of'")
        for key, limit in (("mark", most), ("free days", 366)):
            if row[key].strip():
                row[key] = f"{points(row[key], limit, f'{path}, line {line}, column {key!r}'):g}"
        if row["student"] in seen:
            raise SystemExit(f"{path}, line {line}: {row['student']!r} is in line {seen[row['student']]} already.")
        seen[row["student"]] = line
    return [row for _, row in rows]
