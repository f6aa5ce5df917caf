"""BrownianPath: one path whoever asks, with the distribution of Brownian motion."""

import math
import pickle
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nodekit.stochastic import BrownianPath

TIMES = [-1.0, -0.99, -0.5, 0.1, 1 / 3, 0.5, 0.500001, 1.9, 2.0]


def test_the_same_values_in_any_order():
    """Asked forward, backward, at random, again, or after much finer questions."""
    forward = BrownianPath(4, -1, 2, (3,), cells=7)
    first = np.array([forward(t) for t in TIMES])
    assert np.abs(first).min() == 0.0  # at t0
    for seed in range(3):
        path = BrownianPath(4, -1, 2, (3,), cells=7)
        rng = np.random.default_rng(seed)
        for t in rng.uniform(-1, 2, size=50):
            path(t)
        for i in rng.permutation(len(TIMES)):
            assert np.array_equal(path(TIMES[i]), first[i])
    assert np.array_equal([forward(t) for t in reversed(TIMES)], first[::-1])
    assert np.array_equal(forward.increment(0.1, 1.9), first[7] - first[3])
    assert np.array_equal(forward.increment(1.9, 0.1), first[3] - first[7])


def test_the_same_values_in_another_process_and_after_pickling():
    path = BrownianPath(11, 0.0, 1.0, (2, 2))
    value = path(0.3)
    assert np.array_equal(pickle.loads(pickle.dumps(path))(0.3), value)
    code = "from nodekit.stochastic import BrownianPath as B; print(B(11, 0.0, 1.0, (2, 2))(0.3).tobytes().hex())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == value.tobytes().hex()


def test_the_same_values_from_several_threads():
    path, times = BrownianPath(5, 0.0, 1.0, (50,)), np.random.default_rng(0).uniform(size=400)
    alone = [BrownianPath(5, 0.0, 1.0, (50,))(t) for t in times]
    with ThreadPoolExecutor(4) as pool:
        for a, b in zip(pool.map(path, times), alone, strict=True):
            assert np.array_equal(a, b)


def test_the_distribution():
    """Mean 0, covariance min(s, t), normal: over 40,000 independent components, within 5 standard errors."""
    n, times = 40_000, [0.0007, 0.1, 0.25, 1 / 3, 0.6, 0.999]
    path = BrownianPath(1, 0.0, 1.0, (n,), cells=9)
    W = np.array([path(t) for t in times])
    error = 5 / math.sqrt(n)
    assert np.all(np.abs(W.mean(1)) < error)
    for i, s in enumerate(times):
        for j, t in enumerate(times):
            spread = math.sqrt(s * t + min(s, t) ** 2)
            assert abs((W[i] * W[j]).mean() - min(s, t)) < error * spread
        z = W[i] / math.sqrt(s)
        assert abs((z**4).mean() - 3) < error * math.sqrt(96)
        assert abs((z**3).mean()) < error * math.sqrt(15)


def test_increments_over_cells_are_independent_of_each_other():
    path = BrownianPath(2, 0.0, 1.0, (), cells=4096)
    steps = np.diff([path(k / 4096) for k in range(4097)]) * 64
    assert abs(steps.var() - 1) < 5 * math.sqrt(2 / 4096)
    for lag in (1, 2, 7):
        assert abs((steps[lag:] * steps[:-lag]).mean()) < 5 / 64


def test_other_seeds_and_cells_are_other_paths():
    values = [BrownianPath(*a)(0.4) for a in ((1, 0.0, 1.0), (2, 0.0, 1.0), (1, 0.0, 2.0), (1, 0.0, 1.0, (), 512))]
    assert len(set(map(float, values))) == 4


def test_memory_grows_with_the_logarithm():
    """1,000 states of 8 kB would be 8 MB."""
    path = BrownianPath(1, 0.0, 1.0, (1000,), cells=1000)
    tracemalloc.start()
    for t in np.random.default_rng(0).uniform(size=1000):
        path(t)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * 8000


def test_times_a_rounding_apart_are_one_time():
    path = BrownianPath(3, 0.0, 10.0, (2,), cells=100)
    assert np.array_equal(path(3 * 0.1), path(0.30000000000000004))
    assert np.array_equal(path(7.0), path(7.0 + 1e-3 * path.resolution))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BrownianPath(-1, 0.0, 1.0), "seed=-1 must be an int of at least 0"),
        (lambda: BrownianPath(1.5, 0.0, 1.0), "seed=1.5 must be an int"),
        (lambda: BrownianPath(True, 0.0, 1.0), "seed=True must be an int"),
        (lambda: BrownianPath(1, 1.0, 1.0), "t0=1.0 and t1=1.0 must be finite, and t0 < t1"),
        (lambda: BrownianPath(1, 0.0, math.inf), "t1=inf must be finite"),
        (lambda: BrownianPath(1, 0.0, 1.0, cells=0), "cells=0 must be an int of at least 1"),
        (lambda: BrownianPath(1, 0.0, 1.0, (2.0,)), r"shape=\(2.0,\) must be"),
        (lambda: BrownianPath(1, 0.0, 1.0, 2.0), "shape=2.0 must be an int of at least 0, or a tuple"),
        (lambda: BrownianPath(1, 0.0, 1.0, (2, -1)), r"shape=\(2, -1\) must be"),
        (lambda: BrownianPath(1, 0.0, 1.0, True), "shape=True must be"),
        (lambda: BrownianPath(np.float64(3), 0.0, 1.0), r"seed=.*3.0.* must be an int"),
        (lambda: BrownianPath(1, 0.0, 1.0)(1.1), r"t=1.1 is outside of the path's interval, \[0.0, 1.0\]"),
        (lambda: BrownianPath(1, 0.0, 1.0)(math.nan), "t=nan is outside"),
    ],
)
def test_errors(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_integers_of_numpy():
    path = BrownianPath(np.int64(3), 0.0, 1.0, np.int64(4), cells=np.int32(8))
    assert repr(path) == "BrownianPath(3, 0, 1, shape=(4,), cells=8)"
    assert np.array_equal(path(0.3), BrownianPath(3, 0.0, 1.0, [np.int64(4)], cells=8)(0.3))


@pytest.mark.parametrize("t", [0.0, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_writing_into_a_value_changes_no_path(t, shape):
    path = BrownianPath(1, 0.0, 1.0, shape, cells=2)
    values = {s: path(s).copy() for s in (0.0, 0.25, 0.5, 0.7, 1.0)}
    if shape:
        path(t)[0] = 99.0
    else:
        written = path(t)
        written += 99.0
    assert all(np.array_equal(path(s), value) for s, value in values.items())
    assert np.array_equal(path.increment(0.0, t), values[t])


def test_what_is_shown():
    assert repr(BrownianPath(3, 0, 2, 4, cells=8)) == "BrownianPath(3, 0, 2, shape=(4,), cells=8)"
