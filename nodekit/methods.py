"""Every method by name, of every family. A record's `family` names the backend module that takes its steps."""

from nodekit import geometric, tableaus, tableaus_implicit

METHODS = {**tableaus.METHODS, **tableaus_implicit.METHODS, **geometric.METHODS}


def get(name):
    """The method called `name`; a record (a `Tableau`, say) is returned as it is.

    Raises ValueError, listing the names, when there is no such method.
    """
    if hasattr(name, "family"):
        return name
    if name not in METHODS:
        raise ValueError(f"method={name!r} is not known. Choose one of: {', '.join(METHODS)}.")
    return METHODS[name]
