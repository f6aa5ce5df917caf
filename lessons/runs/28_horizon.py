"""How far a first plan should look ahead, with the true equation: a long run of lesson 28.

    python lessons/runs/28_horizon.py [--compare]

ahead: seconds of the first plan, which 50 steps of Adam improve from 24 guesses, whatever its length. up: how many of
10 swing-ups succeed with decisions 0.3 to 0.45 s apart, as in 28_control.py. reached: how many of the first plans are
within 0.2 rad of the top at their ends, by their own reckoning; blind: carried out without looking.
"""

import importlib
import sys
from pathlib import Path

import torch

from nodekit.classroom.runs import make
from nodekit.models.control import Held, rollout

sys.path.insert(0, str(Path(__file__).parent))
control = importlib.import_module("28_control")
sys.path.pop(0)

SETTINGS = [{"ahead": ahead, "seed": seed} for ahead in (5, 8, 10) for seed in range(5)]


def measure(ahead, seed):
    step = Held(control.PENDULUM.field, steps=2)
    begin = control.task(step, "longer", seed, ahead=float(ahead))
    t, x, planner = begin
    end = rollout(step, torch.tensor(x), torch.tensor(t[: len(planner.u) + 1]), planner.u)[-1].numpy()
    return {
        "up": int(control.held(*control.swing_up(step, "longer", seed, begin)[:2]).sum()),
        "reached": control.arrived(end[None]),
        "blind": control.arrived(control.swing_up(step, "longer", seed, begin, blind=True)[1]),
    }


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
