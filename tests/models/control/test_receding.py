"""Planning again as one goes: how much of a plan is carried out, and what is refused."""

import pytest
import torch

from nodekit.models.control import Held, RecedingHorizon, plan
from tests.models.control.tasks import F64, cost_of, field, quadratic_task


def horizon(every=2, shortest=1, ahead=3, **options):
    y, t, running, final = quadratic_task()
    made = RecedingHorizon(Held(field), running, final, 1.0, t, ahead, every, shortest, (20, 6), **options)
    made.start(y, torch.zeros(ahead, 2, 3, 2, dtype=F64))
    return made, y


def test_the_plan_is_carried_out_until_it_is_time_to_look_again():
    made, y = horizon()
    first = made.u.clone()
    assert torch.equal(made.decide(0, y), first[0])
    assert torch.equal(made.decide(1, y + 9), first[1])
    again = made.decide(2, y)
    expected = plan(made.step, made.running, made.final, y, made.t[2:4], first[2:], 1.0, 6, 0.03)[0]
    assert torch.equal(again, expected[0])
    assert not torch.equal(again, first[2])


def test_a_plan_that_is_used_up_goes_on_for_the_shortest_but_not_beyond_the_end():
    made, y = horizon(every=5, ahead=2, shortest=2)
    for k in (0, 1, 2):
        made.decide(k, y)
    assert len(made.u) == 1  # two new decisions, of which one is done
    made, y = horizon(every=5, ahead=3, shortest=2)
    for k in (0, 1, 2, 3):
        made.decide(k, y)
    assert len(made.u) == 0  # only one was left before the end


def test_the_best_guess_is_kept_for_each_sample():
    y, t, running, final = quadratic_task()
    made = RecedingHorizon(Held(field), running, final, 1.0, t, 4, iterations=(1, 1), rates=(1e-9, 0.1))
    guesses = torch.randn(4, 5, 3, 2, generator=torch.Generator().manual_seed(8), dtype=F64).clamp(-0.9, 0.9)
    cost = made.start(y, guesses)
    each = torch.stack([cost_of(made.step, running, final, y, t, guesses[:, r]) for r in range(5)])
    assert torch.allclose(cost, each.min(0)[0], atol=1e-6)
    assert len(set(each.argmin(0).tolist())) > 1
    for i in range(3):
        assert torch.allclose(made.u[:, i], guesses[:, each.argmin(0)[i], i], atol=1e-6)


def test_decisions_come_in_order_after_a_start():
    y, t, running, final = quadratic_task()
    made = RecedingHorizon(Held(field), running, final, 1.0, t, 4)
    with pytest.raises(ValueError, match="call start"):
        made.decide(0, y)
    made.start(y, torch.zeros(4, 1, 3, 2, dtype=F64))
    with pytest.raises(ValueError, match="0 is next, of 4"):
        made.decide(1, y)
    for k in range(4):
        made.decide(k, y)
    with pytest.raises(ValueError, match="k=4"):
        made.decide(4, y)


@pytest.mark.parametrize("bad", [{"horizon": 0}, {"every": 0}, {"shortest": 0}])
def test_counts_of_a_horizon(bad):
    _y, t, running, final = quadratic_task()
    with pytest.raises(ValueError, match="must be an int of at least 1"):
        RecedingHorizon(Held(field), running, final, 1.0, t, **{"horizon": 2, **bad})


def test_a_horizon_counts_in_whole_decisions_and_has_times_for_each_sample():
    _y, t, running, final = quadratic_task()
    with pytest.raises(ValueError, match=r"every=1\.5"):  # it would never be reached
        RecedingHorizon(Held(field), running, final, 1.0, t, 3, every=1.5)
    with pytest.raises(ValueError, match=r"t must be \(n \+ 1, b\)"):
        RecedingHorizon(Held(field), running, final, 1.0, t[:, 0], 3)
