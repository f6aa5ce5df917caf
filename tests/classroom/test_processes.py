"""Scripts on several processes: their rows come back, a failure is said, and none outlives its limit."""

import os
import sys
import time

import pytest
import torch
import torch.distributed as dist

from nodekit.classroom import processes
from nodekit.classroom.processes import launch, second

WRITES = """
import argparse, json, os, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--history")
parser.add_argument("--do", default="end")
given = parser.parse_args()
rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
if given.do == "fail" and rank == 1:
    sys.exit("process 1 cannot go on")
for step in (1, 2, 3):
    path = os.path.join(os.path.dirname(given.history), f"pid{rank}")
    open(path + ".new", "w").write(str(os.getpid()))
    os.replace(path + ".new", path)  # whole or not at all
    if rank == 0:
        while not os.path.exists(path.replace("pid0", f"pid{ranks - 1}")):
            time.sleep(0.01)
        pids = [int(open(path.replace("pid0", f"pid{r}")).read()) for r in range(ranks)]
        with open(given.history, "a") as file:
            file.write(json.dumps({"step": step, "pids": pids, "threads": os.environ["OMP_NUM_THREADS"]}) + chr(10))
if given.do == "wait":
    time.sleep(300)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "writes.py"
    path.write_text(WRITES, encoding="utf-8")
    return path


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow(seconds=10)
def test_its_rows_come_back_and_not_those_that_were_there(script, tmp_path):
    history = tmp_path / "h.jsonl"
    history.write_text('{"step": 99}\n', encoding="utf-8")
    rows = launch(script, processes=2, history=history)
    assert [(row["step"], row["threads"], len(row["pids"])) for row in rows] == [(k, "1", 2) for k in (1, 2, 3)]


@pytest.mark.slow(seconds=10)
def test_a_failure_says_what_was_printed(script, tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)writes\.py ended with 1.*process 1 cannot go on"):
        launch(script, "--do", "fail", processes=2, history=tmp_path / "h.jsonl")


@pytest.mark.slow(seconds=20)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_none_outlives_the_limit(script, tmp_path):
    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="took more than 12 s"):
        launch(script, "--do", "wait", processes=2, history=tmp_path / "h.jsonl", seconds=12)
    assert time.monotonic() - begin < 60
    pids = [int((tmp_path / f"pid{rank}").read_text(encoding="utf-8")) for rank in (0, 1)]
    assert not any(alive(pid) for pid in pids)


@pytest.mark.slow(seconds=20)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_one_is_killed_and_all_end(script, tmp_path):
    rows = launch(script, "--do", "wait", processes=2, history=tmp_path / "h.jsonl", kill_after=2)
    assert rows[-1]["step"] >= 2
    assert not any(alive(pid) for pid in rows[-1]["pids"])


@pytest.mark.slow(seconds=10)
def test_a_run_that_ends_before_it_is_killed_is_said(script, tmp_path):
    with pytest.raises(RuntimeError, match=r"writes\.py ended with 0 before step 9"):
        launch(script, processes=2, history=tmp_path / "h.jsonl", kill_after=9)


MEETS = """
import sys
import torch, torch.distributed as dist
if sys.argv[1] == "fail":
    sys.exit("process 1 cannot go on")
dist.init_process_group("gloo")
mine = torch.tensor([2.0 * dist.get_rank()])
dist.all_reduce(mine)
assert mine.item() == 12.0
if sys.argv[1] == "late":
    sys.exit("process 1 fails at the end")
dist.destroy_process_group()
"""


@pytest.fixture
def meets(tmp_path):
    path = tmp_path / "meets.py"
    path.write_text(MEETS, encoding="utf-8")
    return path


def add_ten():
    mine = torch.tensor([10.0])
    dist.all_reduce(mine)
    return mine.item(), dist.get_rank(), dist.get_world_size()


@pytest.mark.slow(seconds=20)
def test_the_caller_is_process_0(meets, monkeypatch):
    """Twice, since a notebook's cell runs twice; and the environment stays."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", processes.LOOPBACK.get(sys.platform, "lo"))
    before = dict(os.environ)
    for _ in range(2):
        with second(meets, "end"):
            assert add_ten() == (12.0, 0, 2)
        assert not dist.is_initialized()
    assert dict(os.environ) == before


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize(("does", "said"), [("fail", "cannot go on"), ("late", "fails at the end")])
def test_process_1_fails(meets, does, said):
    match = rf"(?s)meets\.py, process 1, ended with 1\..*{said}"
    with pytest.raises(RuntimeError, match=match), second(meets, does, seconds=20):
        add_ten()
    assert not dist.is_initialized()


@pytest.mark.slow(seconds=20)
def test_an_error_of_process_0_leaves_nothing(meets):
    with pytest.raises(KeyError, match="mine"), second(meets, "end"):
        raise KeyError("mine")
    assert not dist.is_initialized()


def test_what_is_no_process_is_not_killed(monkeypatch):
    """os.kill(0, ...) would end the notebook's own kernel."""
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("killed"))
    for pid in (0, -1, 1):
        with pytest.raises(ValueError, match="is not the number of a process"):
            processes._kill(pid)


def test_no_process(script, tmp_path):
    with pytest.raises(ValueError, match="processes=0"):
        launch(script, processes=0, history=tmp_path / "h.jsonl")
