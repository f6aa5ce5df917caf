"""Named initial value problems with exact or many-digit solutions (first used in lesson 14).

`get(name)` finds one; PROBLEMS maps every name to its record, and NONSTIFF and STIFF list the names. DETEST, the
classical collection, is in detest.py, the stiff ones are in stiff.py, the rest is in others.py.
Each f works on both backends: y's first axis is the component.
"""

from collections.abc import Iterable

from nodekit.problems.detest import DETEST
from nodekit.problems.others import OTHERS
from nodekit.problems.problem import Problem
from nodekit.problems.stiff import STIFF as _STIFF

__all__ = ["NONSTIFF", "PROBLEMS", "STIFF", "get"]

# Names for the problems of DETEST that have one.
ALIASES = {
    "decay": "DETEST A1",
    "oscillating growth": "DETEST A3",
    "logistic": "DETEST A4",
    "predator and prey": "DETEST B1",
    "rigid body": "DETEST B5",
}


def by_name(problems: Iterable[Problem], aliases: dict[str, str]) -> dict[str, Problem]:
    """{name: problem}. Raises ValueError where two problems, or a problem and an alias, have one name."""
    found: dict[str, Problem] = {}
    for p in problems:
        if p.name in found or p.name in aliases:
            raise ValueError(f"problem {p.name!r}: there is one of that name, or an alias, already.")
        found[p.name] = p
    return found


PROBLEMS = by_name((*DETEST, *OTHERS, *_STIFF), ALIASES)
NONSTIFF = [p.name for p in PROBLEMS.values() if not p.stiff]
STIFF = [p.name for p in PROBLEMS.values() if p.stiff]


def get(name: str) -> Problem:
    """The problem called `name`. Raises ValueError that lists the names when there is none."""
    name = ALIASES.get(name, name) if isinstance(name, str) else name
    if not isinstance(name, str) or name not in PROBLEMS:
        raise ValueError(f"problem {name!r} is not known. Choose one of: {', '.join([*PROBLEMS, *ALIASES])}.")
    return PROBLEMS[name]
