"""A Solution and a SolveError copied, pickled, sent to another process: what travels, and what says that it did not."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
import torch

import nodekit
from nodekit.drop_in.odeint_problem import OdeintError

ARRAYS = {"numpy": np.array, "torch": lambda y: torch.tensor(y, dtype=torch.float64)}


def field(t, y):
    return -t * y


def wall(t, y):
    return -y if t < 0.5 else y * float("nan")


def solve_to(end):
    return nodekit.solve(field, np.array([1.0, 2.0, -1.0]), (0.0, end))


def fail(k):
    return nodekit.solve(wall, ARRAYS["torch" if k else "numpy"]([1.0, 2.0]), (0.0, 1.0))


@pytest.mark.parametrize("library", ARRAYS)
def test_an_error_travels(library):
    """pickle and copies keep the message and the solution, in which the part that was solved is dense."""
    with pytest.raises(nodekit.SolveError) as caught:
        nodekit.solve(wall, ARRAYS[library]([1.0, 2.0]), (0.0, 1.0))
    error = caught.value
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is nodekit.SolveError
        assert str(again) == str(error) == again.solution.message
        assert np.allclose(np.asarray(again.solution(0.3)), np.asarray(error.solution(0.3)), atol=1e-15)


def test_an_error_of_odeint_travels():
    """Its message is put into words once."""
    with pytest.raises(OdeintError) as caught:
        nodekit.odeint(wall, torch.ones(2), torch.tensor([0.0, 1.0]))
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.deepcopy(caught.value)):
        assert type(again) is OdeintError
        assert str(again) == str(caught.value)
        assert str(again).count("non-finite values in state") == 1


def test_a_pool_of_processes():
    """Solutions and errors come back from a pool; a failing solve used to hang it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        sols = pool.map_async(solve_to, [1.0, 2.0]).get(timeout=120)
        assert [sol.t[-1] for sol in sols] == [1.0, 2.0]
        assert np.allclose(sols[1](1.3), solve_to(2.0)(1.3), atol=1e-15)
        for k in (0, 1):
            with pytest.raises(nodekit.SolveError, match="nan in component"):
                pool.map_async(fail, [k]).get(timeout=120)


@pytest.mark.parametrize("library", ARRAYS)
def test_a_lambda_stays_behind_in_words(library):
    """Arrays and statistics travel all the same; a copy within the process keeps its dense output."""
    sol = nodekit.solve(lambda t, y: -y, ARRAYS[library]([1.0, 2.0, 0.5]), (0.0, 1.0))
    again = pickle.loads(pickle.dumps(sol))
    assert np.array_equal(np.asarray(again.y), np.asarray(sol.y))
    assert again.stats == sol.stats
    with pytest.raises(
        RuntimeError, match=r"dense output did not travel.*cannot be pickled.*output times to solve\(\)"
    ):
        again(0.5)
    for near in (copy.copy(sol), copy.deepcopy(sol)):
        assert np.array_equal(np.asarray(near(0.5)), np.asarray(sol(0.5)))


def test_a_graph_stays_behind():
    """A Solution with gradients is pickled and deep-copied as values; a shallow copy keeps the graph."""
    y0 = torch.ones(3, dtype=torch.float64, requires_grad=True)
    event = nodekit.event(lambda t, y: y[0] - 0.9)
    for gradient in ("checkpoint", "backprop"):
        sol = nodekit.solve(field, y0, (0.0, 1.0), events=event, gradient=gradient)
        for again in (pickle.loads(pickle.dumps(sol)), copy.deepcopy(sol)):
            assert not again.y.requires_grad
            assert torch.equal(again.y, sol.y.detach())
            assert torch.equal(again.t_events[0], sol.t_events[0].detach())
            assert torch.allclose(again(0.4).detach(), sol(0.4).detach(), atol=1e-15)
        assert copy.copy(sol).y is sol.y
