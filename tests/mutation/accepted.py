"""accepted.toml: the survivors that are no gap, each with its reason."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).with_name("accepted.toml")


@dataclass(frozen=True)
class Row:
    """One listed mutant. where: "ex06" or "06" (a lesson's own functions). text "*": all mutants of the function."""

    where: str
    function: str
    text: str
    reason: str

    def covers(self, where, mutant):
        return (self.where, self.function) == (where, mutant.name) and self.text in ("*", mutant.text)

    def __str__(self):
        return f"{self.where} {self.function} | {self.text}"


def read(text):
    """The rows; ValueError for one without a reason, or that stands there twice."""
    rows = []
    for entry in tomllib.loads(text).get("accepted", []):
        if len(entry.get("reason", "")) < 20:
            raise ValueError(f"accepted.toml gives no reason for {entry}")
        rows += [Row(entry["where"], entry["function"], each, entry["reason"]) for each in entry["mutants"]]
    if len({str(row) for row in rows}) < len(rows):
        raise ValueError(f"accepted.toml lists twice: {sorted(str(row) for row in rows if rows.count(row) > 1)}")
    return rows


def compare(rows, existing, results, complete):
    """(survivors that no row covers, rows that nothing needs): what is to be said at the end.

    existing: [(where, Mutant)] of all that was looked through. results: [(where, Mutant, Outcome)] of those run;
    complete: whether all were.
    """
    survived = [(where, mutant) for where, mutant, outcome in results if outcome.text == "survived"]
    unlisted = [(where, mutant) for where, mutant in survived if not any(row.covers(where, mutant) for row in rows)]
    stale = []
    looked_at = {where for where, _ in existing}
    for row in (row for row in rows if row.where in looked_at):
        mine = [outcome.text for where, mutant, outcome in results if row.covers(where, mutant)]
        if not any(row.covers(where, mutant) for where, mutant in existing):
            stale.append((row, "there is no such mutant any more"))
        elif mine and "survived" not in mine and (complete or row.text != "*"):
            stale.append((row, "it is killed now" if mine[0] != "no mistake" else "it makes no mistake"))
    return unlisted, stale
