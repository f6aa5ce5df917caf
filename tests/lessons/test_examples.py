"""lessons/examples/train_distributed.py: one training, by one process and by several, killed, spoilt, gone on with."""

import json
import math

import numpy as np
import pytest
import torch
from examples import train_distributed as script

from nodekit.classroom.processes import launch
from tests.lessons.pack import ROOT

PATH = ROOT / "lessons" / "examples" / "train_distributed.py"


def alone(*given, data=None, stop=None):
    """The rows of one process, in this one."""
    rows = []

    def write(row):
        rows.append(json.loads(json.dumps(row)))
        if row["step"] == stop:
            raise KeyboardInterrupt

    try:
        script.train(script.arguments(list(map(str, given))), data or script.recordings(), write=write)
    except KeyboardInterrupt:
        pass
    return rows


def numbers(rows):
    return [(row["step"], row["loss"], row["norm"], row["left_out"]) for row in rows]


def spoilt(folder, place=(100, 0)):
    """The data with one nan, and the file that holds them."""
    data = script.recordings()
    data[0][place] = math.nan
    np.savez(folder / "data.npz", **dict(zip(("begin", "later", "end"), data, strict=True)))
    return data, folder / "data.npz"


# ---- In one process ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "ranks"), [(7, 2), (7, 3), (8, 4), (5, 5)])
def test_shares_are_the_batch(size, ranks):
    batch = script.batch_of(3, 50, size, seed=1)
    parts = [script.share(batch, rank, ranks) for rank in range(ranks)]
    assert sorted(torch.cat(parts).tolist()) == sorted(batch.tolist())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a batch of 2 cannot be shared by 3 processes: --batch 3 or more"):
        script.share([5, 6], 0, 3)


@pytest.mark.parametrize("size", [0, -3, 11])
def test_a_batch_of_none_or_of_more_than_there_are_is_refused(size):
    with pytest.raises(ValueError, match=rf"a batch of {size} cannot be taken from 10 samples: --batch 1 to 10"):
        script.batch_of(0, 10, size, seed=0)


@pytest.mark.parametrize("name", ["--steps", "--batch", "--every", "--width"])
def test_a_count_below_one_is_refused(name, capsys):
    with pytest.raises(SystemExit):
        script.arguments([name, "0"])
    assert "0 must be 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(("gpus", "processes", "cpu", "expected"), [
    (0, 1, False, "cpu"), (1, 1, False, "cuda:0"), (1, 2, False, "cpu"), (2, 2, False, "cuda:1"), (2, 2, True, "cpu"),
])  # fmt: skip
def test_a_gpu_for_each_process_or_for_none(monkeypatch, gpus, processes, cpu, expected):
    """On a machine with one GPU, the second of two processes found none, and both ended."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    monkeypatch.setenv("LOCAL_RANK", str(processes - 1))
    assert str(script.own_device(cpu)) == expected


def test_the_last_step_is_kept_too(tmp_path):
    alone("--steps", 5, "--every", 3, "--width", 8, "--checkpoint", tmp_path / "c.pt")
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == 5


def test_an_epoch_has_each_sample_once_and_the_next_another_order():
    first, second = (torch.cat([script.batch_of(step, 53, 10, 4) for step in range(k, k + 5)]) for k in (0, 5))
    assert len(set(first.tolist())) == len(set(second.tolist())) == 50
    assert first.tolist() != second.tolist()
    assert not torch.equal(first, torch.cat([script.batch_of(step, 53, 10, 5) for step in range(5)]))


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_the_mean_of_the_weighted_gradients_is_that_of_the_batch(ranks):
    """For shares of different sizes too, with fixed steps, to rounding."""
    data = [torch.tensor(part[:16]) for part in script.recordings(20)]
    torch.manual_seed(3)
    model = script.Loss(8, step_size=0.25).double()

    def gradient(loss):
        model.zero_grad()
        loss.backward()
        return torch.cat([p.grad.ravel() for p in model.parameters()])

    whole = gradient(model(*data) / 16)
    parts = [gradient(model(*(part[rank::ranks] for part in data)) / 16 * ranks) for rank in range(ranks)]
    assert torch.allclose(sum(parts) / ranks, whole, rtol=1e-12, atol=1e-15)
    assert not torch.allclose(parts[0], whole, rtol=1e-2)


def test_a_start_that_is_nan_and_a_solve_that_fails_give_a_gradient_of_nan():
    model = script.Loss(8, step_size=0.0).double()
    data = [torch.tensor(part) for part in script.recordings(4)]
    data[0][2, 1] = math.nan
    model(*data).backward()
    assert all(torch.isnan(p.grad).all() for p in model.parameters())
    model.zero_grad()
    model.ode.max_steps = 1
    data[0][2, 1] = 0.0
    model(*data).backward()
    assert all(torch.isnan(p.grad).all() for p in model.parameters())


def test_gone_on_with_it_has_the_same_numbers_to_the_last_bit(tmp_path):
    given = ("--steps", 14, "--every", 4, "--width", 8, "--checkpoint")
    through = alone(*given, tmp_path / "through.pt")
    before = alone(*given, tmp_path / "broken.pt", stop=10)
    after = alone(*given, tmp_path / "broken.pt")
    assert [row["step"] for row in after] == list(range(9, 15))
    assert numbers(before) == numbers(through)[:10]
    assert numbers(after) == numbers(through)[8:]
    assert alone(*given, tmp_path / "through.pt") == []  # all 14 steps are done


def test_one_nan_costs_one_step_and_no_checkpoint_holds_it(tmp_path):
    data, _ = spoilt(tmp_path)
    rows = alone("--steps", 16, "--every", 1, "--width", 8, "--checkpoint", tmp_path / "c.pt", data=data)
    left_out = [row["left_out"] for row in rows]
    assert left_out[-1] == 2  # once an epoch of 8 steps
    assert [math.isnan(row["norm"]) for row in rows] == [b > a for a, b in zip([0, *left_out], left_out, strict=False)]
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    assert all(value.isfinite().all() for value in state["model"].values())
    assert all(value.isfinite().all() for kept in state["optimizer"]["state"].values() for value in kept.values())


def test_a_training_of_nothing_but_nan_ends():
    data = script.recordings(64)
    data[2][:] = math.nan
    with pytest.raises(RuntimeError, match=r"10 steps in a row .* the last of them 10"):
        alone("--steps", 50, "--width", 8, "--batch", 8, data=data)


def test_a_checkpoint_is_whole_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    script.save(path, {"step": 1})

    def half(state, file):
        file.write(b"half of it")
        raise OSError("the disk is full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="full"):
        script.save(path, {"step": 2})
    assert torch.load(path, weights_only=True) == {"step": 1}


@pytest.mark.parametrize(("name", "value"), [("--batch", 32), ("--lr", 1e-3), ("--seed", 5), ("--step-size", 0.5)])
def test_a_checkpoint_of_other_settings_is_refused(tmp_path, name, value):
    alone("--steps", 2, "--every", 1, "--width", 8, "--checkpoint", tmp_path / "c.pt")
    with pytest.raises(ValueError, match=rf"c\.pt was made with {name} .*: give the same, or delete it"):
        alone("--steps", 4, "--width", 8, "--checkpoint", tmp_path / "c.pt", name, value)


def test_it_learns():
    rows = alone("--steps", 120, "--width", 32, "--step-size", 0.25)
    assert np.mean([row["loss"] for row in rows[-10:]]) < 0.6 * np.mean([row["loss"] for row in rows[:10]])


# ---- In several -------------------------------------------------------------------------------------------


@pytest.mark.slow(seconds=25)
@pytest.mark.parametrize(("processes", "batch"), [(2, 64), (3, 7)])
def test_several_processes_train_as_one(tmp_path, processes, batch):
    """With fixed steps, to rounding; for unequal shares (3, 2 and 2 samples) and with a nan too."""
    data, file = spoilt(tmp_path)
    given = ("--steps", 20, "--batch", batch, "--width", 16, "--step-size", 0.25)
    rows = launch(PATH, *given, "--data", file, processes=processes, history=tmp_path / "h.jsonl")
    ours = alone(*given, data=data)
    assert [row["left_out"] for row in rows] == [row["left_out"] for row in ours]
    for name in ("loss", "norm"):
        assert np.allclose([row[name] for row in rows], [row[name] for row in ours], rtol=1e-9, atol=0, equal_nan=True)
    assert all(len(row["nfev"]) == processes for row in rows)
    assert all(0 <= met <= s for row in rows for met, s in zip(row["met"], row["seconds"], strict=True))


@pytest.mark.slow(seconds=60)
def test_killed_in_the_middle_it_goes_on_with_the_same_numbers(tmp_path):
    """Adaptive steps, other counts on each process, one of them ended by SIGKILL: equal to the last bit."""
    given = ("--steps", 30, "--every", 5, "--width", 16, "--checkpoint", tmp_path / "c.pt")
    before = launch(PATH, *given, "--steps", 400, processes=2, history=tmp_path / "a.jsonl", kill_after=12)
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    assert state["step"] in (10, 15, 20, 25)
    assert any(len(set(row["nfev"])) == 2 for row in before)  # unequal counts, and nobody hung
    after = launch(PATH, *given, processes=2, history=tmp_path / "b.jsonl")
    assert after[0]["step"] == state["step"] + 1
    assert after[-1]["step"] == 30
    again = launch(
        PATH, "--steps", 30, "--width", 16, "--checkpoint", tmp_path / "d.pt", processes=2, history=tmp_path / "c.jsonl"
    )
    assert numbers(again)[: len(before)] == numbers(before)[:30]
    assert numbers(again)[state["step"] :] == numbers(after)


@pytest.mark.slow(seconds=30)
def test_it_goes_on_with_more_processes(tmp_path):
    given = ("--steps", 12, "--every", 4, "--width", 16, "--step-size", 0.25, "--checkpoint")
    through = alone(*given, tmp_path / "through.pt")
    alone(*given, tmp_path / "c.pt", stop=9)
    after = launch(PATH, *given, tmp_path / "c.pt", processes=3, history=tmp_path / "h.jsonl")
    assert after[0]["step"] == 9
    assert np.allclose([row["loss"] for row in after], [row["loss"] for row in through[8:]], rtol=1e-9)


@pytest.mark.slow(seconds=20)
def test_a_batch_that_is_too_small_ends_all_processes(tmp_path):
    with pytest.raises(RuntimeError, match="a batch of 1 cannot be shared by 2 processes"):
        launch(PATH, "--steps", 2, "--batch", 1, processes=2, history=tmp_path / "h.jsonl", seconds=60)
