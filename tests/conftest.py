"""What several tests share. Everything is float64 unless a test says otherwise."""

import itertools
import os
import sys
from pathlib import Path

# Before anything that computes is loaded, for this process and its kernels: there are as many processes as cores, and
# two threads in each fight over them, which took lesson 07 three times its time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from xdist.scheduler import LoadFileScheduling

sys.path.insert(0, str(Path(__file__).parent))


def unit(nodeid):
    """What of several processes one runs whole: a file, as its fixtures are made once in a process. But a lesson's run
    is a unit of its own, for test_run.py's lessons together take minutes, and the browser's files share a JupyterLab.
    """
    file, _, test = nodeid.partition("::")
    if file == "tests/lessons/test_run.py" and "[" in test:
        return f"{file}::{test[test.index('[') :]}"
    return file if not file.startswith("tests/browser/") else "tests/browser"


class Units(LoadFileScheduling):
    """--dist loadfile, with units in place of files."""

    def _split_scope(self, nodeid):
        return unit(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return Units(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """The units that take the longest first, or the last of them would leave all processes but one without work."""
    seconds = {}
    for item in items:
        mark, name = item.get_closest_marker("slow"), unit(item.nodeid)
        seconds[name] = max(seconds.get(name, 0), mark.kwargs["seconds"] if mark else 0)
    items.sort(key=lambda item: -seconds[unit(item.nodeid)])


def pytest_terminal_summary(terminalreporter):
    """Print what tests recorded with the `measured` fixture (orders, errors, ratios), and which files took long."""
    seconds = {}
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if hasattr(report, "duration"):
            name = unit(report.nodeid)
            seconds[name] = seconds.get(name, 0) + report.duration
    if sum(seconds.values()) > 300:
        terminalreporter.section(f"seconds, of {sum(seconds.values()):.0f} of all processes")
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
            if spent > 20:
                terminalreporter.write_line(f"{spent:6.0f}  {name}")
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in getattr(report, "user_properties", ())
        if name == "measured"
    ]
    if rows:
        terminalreporter.section("measured")
        for row in sorted(rows):
            terminalreporter.write_line(row)


@pytest.fixture
def measured(record_property):
    """measured('dopri5: order 5.02') prints the line in pytest's summary."""
    return lambda line: record_property("measured", line)


@pytest.fixture(autouse=True)
def main_module():
    """sys.modules["__main__"] is each test's own: an IPython shell puts a module in its place and empties it when it is
    reset, and a pool of processes then has no __main__.__spec__ to tell its workers.
    """
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


class Ensemble:
    """256 random two-dimensional problems in one state (2, 256), non-linear, coupled and non-autonomous, with
    exact solutions: y = (u, v + u²), u = (2(c + sin(ωt + φ)/ω))^(−1/2), v = exp(−0.7 (t − cos(ωt)/ω)).

    The root mean square over them decreases smoothly with h, where one problem's error may change its sign.
    """

    def __init__(self, seed=0, n=256):
        rng = np.random.default_rng(seed)
        self.omega = rng.uniform(1, 4, n)
        self.phase = rng.uniform(0, 2 * np.pi, n)
        self.c = rng.uniform(0.5, 1.5, n) + 1 / self.omega

    def exact(self, t):
        """(2, n) for a float t."""
        u = (2 * (self.c + np.sin(self.omega * t + self.phase) / self.omega)) ** -0.5
        v = np.exp(-0.7 * (t - np.cos(self.omega * t) / self.omega))
        return np.stack([u, v + u**2])

    def field(self, xp=np, convert=lambda x: x):
        """f(t, y) in the library xp; convert turns the constants into its arrays."""
        omega, phase = convert(self.omega), convert(self.phase)

        def f(t, y):
            u, v = y[0], y[1] - y[0] ** 2
            du = -(u**3) * xp.cos(omega * t + phase)
            dv = -0.7 * v * (1 + xp.sin(omega * t))
            return xp.stack([du, dv + 2 * u * du])

        return f

    def error(self, t, y):
        """Root mean square error of states y (n_t, 2, n) at times t (n_t,)."""
        return float(np.sqrt(np.mean([(y_i - self.exact(t_i)) ** 2 for t_i, y_i in zip(t, y, strict=True)])))


@pytest.fixture(scope="session")
def ensemble():
    return Ensemble()
