"""Long runs: a table is what its script measures, and a row that leaves its spread is named."""

import subprocess
import sys

import pytest

from nodekit.classroom import runs

SCRIPT = """
from nodekit.classroom import runs

SETTINGS = [{"method": m, "seed": s} for m in ("a", "b") for s in range(3)]

def measure(method, seed):
    return {"error": (1 if method == "a" else 10) * (2 + seed + SHIFT), "nfev": 100 + seed}

if __name__ == "__main__":
    runs.make(__file__, measure, SETTINGS)
"""


@pytest.fixture
def script(tmp_path):
    def write(shift=0.5):
        (tmp_path / "31_demo.py").write_text(SCRIPT.replace("SHIFT", repr(shift)))
        return tmp_path / "31_demo.py"

    return write


def call(path, *arguments):
    return subprocess.run([sys.executable, path, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.slow(seconds=20)
def test_a_run_is_written_read_and_compared(script, tmp_path, capsys):
    """The table has every row; the same numbers pass the comparison, and those of another program do not."""
    path = script()
    done = call(path)
    assert done.returncode == 0, done.stderr
    run = runs.Run("31_demo", tmp_path)
    assert run.settings == ["method", "seed"]
    assert run.column("error", method="b") == [25, 35, 45]
    assert run.column("nfev", method="a", seed=2) == [102]
    assert "torch" in run.about
    run.show("error", "nfev", by="method")
    shown = capsys.readouterr().out
    assert "b       35 (25 … 45)     101 (100 … 102)" in shown
    assert "over 3 seeds" in shown
    assert call(path, "--compare").returncode == 0
    script(shift=30.0)
    table = (tmp_path / "31_demo.csv").read_text()
    done = call(path, "--compare")
    assert done.returncode == 1
    assert "error = 32 for {'method': 'a', 'seed': 0}; the table has 2.5 … 4.5" in done.stdout
    assert (tmp_path / "31_demo.csv").read_text() == table
    script(shift="raise")
    assert call(path).returncode == 1
    assert (tmp_path / "31_demo.csv").read_text() == table


def test_outside(tmp_path, script):
    """The spread of the seeds, widened by itself on both sides: one step beyond is named, NaN too."""
    script()
    (tmp_path / "31_demo.csv").write_text("# today\n# settings: method, seed\nmethod,seed,x\na,0,1.0\na,1,2.0\nb,0,5\n")
    run = runs.Run("31_demo", tmp_path)
    for value, fits in [(0.01, True), (2.99, True), (-0.01, False), (3.01, False), (float("nan"), False)]:
        assert (run.outside({"method": "a", "seed": 7}, {"x": value}) == []) is fits
    assert run.outside({"method": "b", "seed": 0}, {"x": 5.0}) == []
    (said,) = run.outside({"method": "b", "seed": 0}, {"x": 5.1})
    assert said == "x = 5.1 for {'method': 'b', 'seed': 0}; the table has 5 … 5"
    with pytest.raises(ValueError, match=r"no row with {'method': 'c'}"):
        run.outside({"method": "c", "seed": 0}, {"x": 1.0})
    with pytest.raises(ValueError, match="no column 'y'"):
        run.outside({"method": "a", "seed": 0}, {"y": 1.0})
    with pytest.raises(FileNotFoundError, match=r"no 32_none.py .*python lessons/runs/32_none.py"):
        runs.Run("32_none", tmp_path)
