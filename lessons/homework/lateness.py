"""When a homework was due, when it came, and what lateness costs. The rules of a term stand in one file, term.toml:

zone = "Europe/Berlin"           # in which the deadlines are meant
grace_minutes = 15               # after a deadline, which cost nothing
points_a_day = 10                # for each day that has begun after that
free_days = 3                    # a student's for the whole term, used up before points are taken

[deadline]
hw1 = 2026-11-20 23:59:00

[extension.hw1]                  # days more, for single students, by name or number
"Anna Lee" = 2
"""

import csv
import math
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from submitted import EXCHANGE

DAY = timedelta(days=1)
NUMBERS = ("grace_minutes", "points_a_day", "free_days")
MOODLE = "%A, %d %B %Y, %I:%M %p"  # as its grading worksheet has a time, in English
COLUMNS = (("student", "submitted"), ("Identifier", "Last modified (submission)"))  # ours, and that worksheet's


@dataclass(frozen=True)
class Term:
    """The rules for one homework: its deadline (a local time of `zone`), and {name or number: days} of extensions."""

    zone: ZoneInfo
    grace_minutes: float
    points_a_day: float
    free_days: int
    deadline: datetime
    extension: dict

    def limit(self, student, number):
        """The last moment at which this student is not late, a local time of the zone."""
        more = self.extension.get(student, self.extension.get(number, 0) if number else 0)
        return self.deadline + timedelta(days=more, minutes=self.grace_minutes)

    def days_late(self, when, student, number):
        """How many days have begun between the limit and `when`; a day ends at the same time by the zone's clocks."""
        limit = self.limit(student, number)
        if when.astimezone(UTC) <= limit.replace(tzinfo=self.zone).astimezone(UTC):
            return 0
        return max(1, math.ceil((when.astimezone(self.zone).replace(tzinfo=None) - limit) / DAY))


def read_term(path, name):
    """The Term of homework `name` in a file. Raises SystemExit that names what is wrong with it, and what is wanted."""
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SystemExit(f"{path} is no TOML: {error}. A deadline is written 2026-11-20 23:59:00.") from None

    def wrong(what):
        return SystemExit(f"{path}: {what}. README.md, 'The final mark', has an example.")

    unknown = sorted(set(given) - {"zone", "deadline", "extension", *NUMBERS})
    if unknown:
        raise wrong(f"{unknown[0]!r} is no rule that is known here")
    for key in NUMBERS:
        value = given.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise wrong(f"{key} must be there, a number, 0 or more, not {value!r}")
    if given["free_days"] != int(given["free_days"]):
        raise wrong(f"free_days = {given['free_days']} must be whole")
    try:
        zone = ZoneInfo(given.get("zone", ""))
    except Exception:
        raise wrong(f"zone = {given.get('zone')!r} is no time zone, such as 'Europe/Berlin' or 'UTC'") from None
    deadline = given.get("deadline", {}).get(name)
    if not isinstance(deadline, datetime) or deadline.tzinfo is not None:
        raise wrong(f"[deadline] must have {name} = 2026-11-20 23:59:00, in the zone's own time, not {deadline!r}")
    extension = given.get("extension", {}).get(name, {})
    for student, days in extension.items():
        if isinstance(days, bool) or not isinstance(days, int) or days < 0:
            raise wrong(f"the extension of {student!r} for {name} must be a whole number of days, not {days!r}")
    return Term(zone, *(given[key] for key in NUMBERS), deadline, extension)


def moment(text, zone):
    """The time that a text says: 2026-11-20 23:10, in `zone` unless it ends with UTC or +01:00. Raises ValueError."""
    text = re.sub(r" ?UTC$", "+00:00", text.strip())
    try:
        if len(text) <= len("2026-11-20"):
            raise ValueError("it has a date and no time of day")
        when = datetime.fromisoformat(text)
    except ValueError:
        when = datetime.strptime(text, MOODLE)
    return when if when.tzinfo else when.replace(tzinfo=zone)


def read_times(path, name, zone):
    """{student's name or number: when it was handed in}, from a CSV file or a folder of nbgrader's."""
    if Path(path).is_dir():
        return times_of_nbgrader(Path(path), name, zone)
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        found = [pair for pair in COLUMNS if set(pair) <= set(reader.fieldnames or ())]
        if not found:
            raise SystemExit(
                f"{path} has the columns {', '.join(reader.fieldnames or ['none'])}: wanted are student,submitted, or "
                "those of Moodle's grading worksheet, downloaded in English."
            )
        (who, when), times = found[0], {}
        for row in reader:
            student, text = (row[who] or "").strip(), (row[when] or "").strip()
            student = re.sub(r"^Participant ", "", student) if who == "Identifier" else student
            if who == "Identifier" and text in ("", "-"):
                continue
            where = f"{path}, line {reader.line_num}"
            if student in times:
                raise SystemExit(
                    f"{where}: {student!r} is there a second time. Leave the time of what is to be graded."
                )
            try:
                times[student] = moment(text, zone)
            except ValueError:
                raise SystemExit(
                    f"{where}, column {when}: {text!r} is no date with a time of day, as 2026-11-20 23:10 is, with "
                    "+01:00 or UTC after it where it is not of the term's zone."
                ) from None
        return times


def times_of_nbgrader(folder, name, zone):
    """{student: time} from what nbgrader wrote: STUDENT/NAME/timestamp.txt, or the names in the exchange's inbound."""
    times = {}
    for path in sorted(folder.iterdir()):
        match, file = EXCHANGE.fullmatch(path.name), path / name / "timestamp.txt"
        if match and match["name"] == name:
            student, text, where = match["student"], match["time"], path
        elif file.is_file():
            student, text, where = path.name, file.read_text(encoding="utf-8"), file
        else:
            continue
        try:
            when = moment(text, zone)
        except ValueError:
            raise SystemExit(f"{where}: {text.strip()!r} is no time that nbgrader writes.") from None
        times[student] = max(when, times.get(student, when))
    if not times:
        raise SystemExit(f"{folder} has no timestamp.txt of nbgrader's for {name}. Give a CSV file: student,submitted.")
    return times
