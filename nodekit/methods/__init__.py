"""Every method by name, of every family.

A record's `family` names the file that takes its steps: steppers/, or explicit.py of each library. Lesson 03
builds the explicit ones of fixed step, 04 the adaptive ones, 14 and 15 the implicit ones, 17 the symplectic ones.
Authors and years stand beside the coefficients.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodekit.methods import explicit, geometric, implicit, multistep, rosenbrock

if TYPE_CHECKING:
    from nodekit.hints import Method

__all__ = ["METHODS", "get"]


@dataclass(frozen=True)
class Switching:
    """dopri5 where the problem is not stiff, radau where it is; see steppers/auto.py."""

    name: str = "auto"
    order: int = 5
    source: str = "after L. Petzold, SIAM J. Sci. Stat. Comput. 4, 1983, and Hairer, Wanner 1996, section IV.2"
    family = "auto"
    adaptive = True


METHODS: dict[str, Any] = {
    **explicit.METHODS,
    **implicit.METHODS,
    **rosenbrock.METHODS,
    **multistep.METHODS,
    **geometric.METHODS,
    "auto": Switching(),
}


def get(name: "str | Method") -> Any:
    """The method called `name`; a record (a `Tableau`, say) is returned as it is.

    Raises ValueError, listing the names, when there is no such method.
    """
    if hasattr(name, "family"):
        return name
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method={name!r} is not known. Choose one of: {', '.join(METHODS)}.")
    return METHODS[name]
