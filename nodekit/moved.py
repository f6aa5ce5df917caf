"""Modules that have moved: for one release the old name imports the new one, with a DeprecationWarning."""

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

MOVED = {
    "nodekit.tableau": "nodekit.methods.tableau",
    "nodekit.tableaus": "nodekit.methods.explicit",
    "nodekit.tableaus_high": "nodekit.methods.high_order",
    "nodekit.tableaus_implicit": "nodekit.methods.implicit",
    "nodekit.rosenbrock_tableaus": "nodekit.methods.rosenbrock",
    "nodekit.multistep": "nodekit.methods.multistep",
    "nodekit.geometric": "nodekit.methods.geometric",
    "nodekit.problem": "nodekit.problems.problem",
    "nodekit.problems_detest": "nodekit.problems.detest",
    "nodekit.problems_stiff": "nodekit.problems.stiff",
    "nodekit.loop": "nodekit.stepping.loop",
    "nodekit.control": "nodekit.stepping.control",
    "nodekit.step": "nodekit.stepping.step",
    "nodekit.stepper": "nodekit.stepping.stepper",
    "nodekit.trajectory": "nodekit.stepping.trajectory",
    "nodekit.stability": "nodekit.analysis.stability",
    "nodekit.stiffness": "nodekit.analysis.stiffness",
    "nodekit.models.cnf": "nodekit.models.density.cnf",
    "nodekit.models.hamiltonian": "nodekit.models.physics.hamiltonian",
    "nodekit.torch_backend.odeint": "nodekit.drop_in.odeints",
}


class Moved(MetaPathFinder, Loader):
    """Finds an old name, and gives it the module of the new one: one module, under both names."""

    def __init__(self):
        self.own = {}

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in MOVED else None

    def create_module(self, spec):
        warnings.warn(
            f"{spec.name} is now {MOVED[spec.name]}; the old name goes with the next release.",
            DeprecationWarning,
            stacklevel=2,
        )
        module = importlib.import_module(MOVED[spec.name])
        self.own[spec.name] = module.__spec__  # which importlib is about to replace
        return module

    def exec_module(self, module):
        module.__spec__ = self.own.pop(module.__spec__.name)


def install():
    """Once: reloading nodekit must not ask twice."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.append(Moved())
