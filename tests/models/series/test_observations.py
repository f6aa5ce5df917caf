"""Series: batches of recordings of any length, their masks, their parts, and every refusal with its words."""

import numpy as np
import pytest
import torch

from nodekit.models.series import Series
from nodekit.models.series.observations import gather_union, union

F64 = torch.float64
NAN = float("nan")


def recordings(seed=0, lengths=(4, 7, 2), d=3, missing=0.4):
    """Lists (t, x), x with nan; the first and the last time of each have at least one number."""
    rng, found = np.random.default_rng(seed), []
    for n in lengths:
        t, x = np.sort(rng.uniform(0.1, 5, n)), rng.normal(size=(n, d))
        hidden = rng.random((n, d)) < missing
        hidden[:, 1] = False
        found.append((t, np.where(hidden, np.nan, x)))
    return found


def test_a_batch_holds_what_was_given():
    """Each sample's first `length` places are its recording, 0 for nan; behind them time stands still, unmasked."""
    given = recordings()
    batch = Series.of(given)
    assert len(batch) == 3
    assert batch.dim == 3
    assert batch.length.tolist() == [4, 7, 2]
    for i, (t, x) in enumerate(given):
        n = len(t)
        assert np.array_equal(batch.t[i, :n], t)
        assert np.array_equal(batch.x[i, :n], np.nan_to_num(x))
        assert np.array_equal(batch.mask[i, :n], ~np.isnan(x))
        assert (batch.t[i, n:] == t[-1]).all()
        assert not batch.mask[i, n:].any()
        assert batch.real[i].tolist() == [True] * n + [False] * (7 - n)


def test_times_without_an_observation_are_dropped():
    t, x = np.array([0.5, 1.0, 2.0, 2.5]), np.array([[NAN, NAN], [1.0, NAN], [NAN, NAN], [2.0, 3.0]])
    batch = Series.of([(t, x)])
    assert batch.t.tolist() == [[1.0, 2.5]]
    assert batch.mask.tolist() == [[[True, False], [True, True]]]


def test_a_mask_is_taken_at_its_word():
    """What the mask hides is 0, whatever stands there, nan or a number."""
    x = np.array([[9.0, NAN], [2.0, 3.0]])
    batch = Series.of([([0.0, 1.0], x, np.array([[False, False], [True, True]]))], least=1)
    assert batch.t.tolist() == [[1.0]]
    batch = Series.of([([0.0, 1.0], np.array([[9.0, 8.0], [2.0, 3.0]]), np.array([[False, True], [True, True]]))])
    assert batch.x.tolist() == [[[0.0, 8.0], [2.0, 3.0]]]


@pytest.mark.parametrize(("dtype", "wanted"), [(np.float32, torch.float32), (np.float64, F64), (int, torch.float32)])
def test_dtype_is_that_of_the_first_x(dtype, wanted):
    batch = Series.of([([0, 1], np.ones((2, 1), dtype))])
    assert batch.x.dtype == batch.t.dtype == wanted
    assert Series.of([([0, 1], np.ones((2, 1), dtype))], like=torch.zeros(1, dtype=F64)).x.dtype == F64


def test_samples_can_be_taken():
    """An index gives these samples, no longer than the longest of them."""
    batch = Series.of(recordings())
    part = batch[[2, 0]]
    assert part.length.tolist() == [2, 4]
    assert part.t.shape == (2, 4)
    assert torch.equal(part.x[1], batch.x[0, :4])
    assert torch.equal(batch[1].x[0], batch.x[1])
    assert len(batch[torch.tensor([1, 1, 0])]) == 3


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_split_parts_every_observation_once(share):
    """Each time of a sample is in exactly one part, with its numbers; no part of a sample is empty."""
    batch = Series.of(recordings(lengths=(5, 9, 2, 3)))
    shown, hidden = batch.split(share, torch.Generator().manual_seed(3))
    for i in range(4):
        places = [
            (p.t[i, k].item(), p.x[i, k].tolist(), p.mask[i, k].tolist())
            for p in (shown, hidden)
            for k in range(p.length[i])
        ]
        whole = [
            (batch.t[i, k].item(), batch.x[i, k].tolist(), batch.mask[i, k].tolist()) for k in range(batch.length[i])
        ]
        assert sorted(places) == whole
        for part in (shown, hidden):
            assert part.length[i] >= 1
            n = int(part.length[i])
            assert (part.t[i, :n].diff() > 0).all()
            assert (part.t[i, n:] == part.t[i, n - 1]).all()
            assert not part.mask[i, n:].any()


def test_split_hides_about_its_share():
    batch = Series.of([(np.arange(400.0), np.ones((400, 1)))] * 5)
    hidden = batch.split(0.3, torch.Generator().manual_seed(0))[1].length / 400
    assert ((hidden > 0.2) & (hidden < 0.4)).all()


def test_union_and_back():
    """The union of all times, each once; a function of (time, sample) comes back at each sample's own times."""
    t = torch.tensor([[0.5, 2.0, 2.0], [0.1, 0.5, 3.0]], dtype=F64)
    times, place = union(t)
    assert times.tolist() == [0.1, 0.5, 2.0, 3.0]
    y = times[:, None, None] * torch.tensor([[1.0], [10.0]], dtype=F64)  # (u, samples, 1)
    assert torch.equal(gather_union(y, place)[..., 0], t * torch.tensor([[1.0], [10.0]], dtype=F64))


def test_one_sample_by_any_whole_number():
    batch = Series.of(recordings())
    for index in (1, np.int64(1), torch.tensor(1), -2):
        one = batch[index]
        assert len(one) == 1
        assert torch.equal(one.t, batch.t[1:2])
    assert torch.equal(batch.to("cpu").x, batch.x)
    for none in (slice(0, 0), [], torch.zeros(3, dtype=torch.bool)):
        with pytest.raises(ValueError, match="no sample is left: the index takes none of 3"):
            batch[none]


def test_times_far_from_zero():
    """Seconds since 1970 beside float32 values: gaps of minutes do not survive, and are refused and not rounded."""
    t = 1.7e9 + np.cumsum([0.0, 102.2, 785.9, 3.0])
    with pytest.raises(
        ValueError, match=r"in torch.float32 the gap behind t\[0\]=1700000000 would be 128 and not 102.2"
    ):
        Series.of([(t, np.ones((4, 1), np.float32))])
    assert torch.allclose(Series.of([(t, np.ones((4, 1)))]).t.diff(), torch.tensor([[102.2, 785.9, 3.0]], dtype=F64))
    moved = Series.of([(t - t[0], np.ones((4, 1), np.float32))]).t
    assert torch.allclose(moved.diff(), torch.tensor([[102.2, 785.9, 3.0]]), rtol=1e-3)


GOOD = ([0.0, 1.0], [[1.0, 2.0], [3.0, 4.0]])
BAD = {
    "none": ([], "at least one recording"),
    "not a pair": ([GOOD, np.zeros(3)], r"recording 1 is not \(t, x\)"),
    "unsorted": (
        [GOOD, ([0.0, 2.0, 1.5], np.zeros((3, 2)))],
        r"recording 1: times must rise, and t\[1\]=2 is followed by t\[2\]=1.5",
    ),
    "twice": ([([1.0, 1.0], np.zeros((2, 2)))], "merge observations of one time"),
    "time nan": ([([0.0, NAN], np.zeros((2, 2)))], r"recording 0: t\[1\] is not finite"),
    "lengths": ([([0.0, 1.0, 2.0], np.zeros((2, 2)))], r"t of shape \(3,\) and x of shape \(2, 2\)"),
    "flat": ([([0.0, 1.0], np.zeros(2))], r"\(n,\) and \(n, d\) fit"),
    "mask shape": ([(*GOOD, np.ones((2, 1), bool))], r"mask of torch.bool and shape \(2, 1\)"),
    "mask type": ([(*GOOD, np.ones((2, 2)))], "mask of torch.float64"),
    "nan that was seen": (
        [([0.5, 1.0], [[1.0, 2.0], [NAN, 4.0]], np.ones((2, 2), bool))],
        r"x\[1, 0\]=nan at t=1, where the mask says observed",
    ),
    "infinity": ([([0.5, 1.0], [[1.0, 2.0], [3.0, float("inf")]])], r"x\[1, 1\]=inf at t=1"),
    "all missing": (
        [GOOD, ([0.0, 1.0], np.full((2, 2), NAN))],
        "recording 1 has no observation: all of its 4 numbers are missing",
    ),
    "one": ([([0.0, 1.0], [[NAN, NAN], [1.0, 2.0]])], "recording 0 has observations at 1 time, and at least 2"),
    "complex": ([([0.0, 1.0], np.ones((2, 1), complex))], "complex numbers: give real and imaginary parts"),
    "components": ([GOOD, ([0.0, 1.0], np.zeros((2, 3)))], r"d in \[2, 3\]"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "words"), BAD.values(), ids=BAD)
def test_refusals(given, words):
    with pytest.raises(ValueError, match=words):
        Series.of(given)


@pytest.mark.parametrize("share", [0.0, 1.0, -1, NAN])
def test_split_refuses_a_share(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Series.of([GOOD]).split(share)


def test_split_refuses_one_observation():
    with pytest.raises(ValueError, match="sample 0 has one observation"):
        Series.of([([1.0], [[2.0, 3.0]])], least=1).split(0.3)
