"""nodekit's public names, and the page that lists them: `python -m tests.api` writes nodekit/API.md."""

import importlib
import inspect
from pathlib import Path

PAGE = Path(__file__).parents[1] / "nodekit" / "API.md"

# Public is what these modules name in __all__; nodekit itself also has torchdiffeq's three, which need torch.
MODULES = [
    "nodekit",
    "nodekit.drop_in",
    "nodekit.models",
    "nodekit.models.control",
    "nodekit.models.density",
    "nodekit.models.equilibrium",
    "nodekit.models.hybrid",
    "nodekit.models.physics",
    "nodekit.models.regularisers",
    "nodekit.models.series",
    "nodekit.models.sharpness",
    "nodekit.models.tangent_kernel",
    "nodekit.gradients",
    "nodekit.paths",
    "nodekit.stochastic",
    "nodekit.problems.problem",
    "nodekit.problems",
    "nodekit.problems.mechanics",
    "nodekit.methods",
    "nodekit.methods.tableau",
    "nodekit.stepping.step",
    "nodekit.stepping.control",
    "nodekit.analysis.stability",
    "nodekit.analysis.stiffness",
    "nodekit.analysis.logarithmic_norm",
    "nodekit.analysis.modified_hamiltonian",
    "nodekit.analysis.optimisation",
    "nodekit.analysis.sparse",
    "nodekit.analysis.identifiability",
    "nodekit.numpy_backend.gradient",
    "nodekit.classroom.checks",
    "nodekit.classroom.datasets",
    "nodekit.classroom.densities",
    "nodekit.classroom.diagnose",
    "nodekit.classroom.films",
    "nodekit.classroom.mechanics",
    "nodekit.classroom.pendulum",
    "nodekit.classroom.plotting",
    "nodekit.classroom.progress",
    "nodekit.classroom.runs",
    "nodekit.classroom.training",
    "nodekit.classroom.quiz",
    "nodekit.classroom.sliders",
    "nodekit.classroom.work",
]


def public(module):
    """name -> object, of a module's public names."""
    m = importlib.import_module(module)
    return {name: getattr(m, name) for name in (*m.__all__, *getattr(m, "OF_TORCH", ()))}


def one_line(thing):
    """The first line of its docstring; what is in it, for a collection; None if there is neither."""
    if isinstance(thing, dict | list | tuple):
        return ("By name: " if isinstance(thing, dict) else "") + ", ".join(map(str, thing)) + "."
    return inspect.getdoc(thing).split("\n")[0] if thing.__doc__ else None


def page():
    """The page, as Markdown."""
    lines = [
        "# Every public name of nodekit, with a line on each",
        "",
        "`help(name)` says the rest: shapes, errors, sources, the lesson that builds it. A name that is not here may",
        "change without notice. This page is made from the docstrings, by `python -m tests.api`.",
    ]
    for module in MODULES:
        about = importlib.import_module(module).__doc__.split("\n")[0]
        lines += ["", f"## {module}", "", about, "", "| name | |", "|---|---|"]
        for name, thing in public(module).items():
            lines.append(f"| `{name}` | {one_line(thing).replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
