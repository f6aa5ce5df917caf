"""nodekit.classroom.training."""

import time

from nodekit.classroom.training import progress_bar


def test_a_bar_shows_loss_and_nfev_and_clears_its_line(capsys):
    """It yields 0..steps-1, prints on standard output what is set beside it, and leaves an empty line."""
    seen = []
    for k in (bar := progress_bar(3, "fitting")):
        bar.set_postfix(loss=f"{0.5**k:.2f}", nfev=7)
        time.sleep(0.21)
        seen.append(k)
    out, err = capsys.readouterr()
    assert seen == [0, 1, 2]
    assert err == ""
    for shown in ("fitting", "loss=0.50", "nfev=7"):
        assert shown in out
    assert out.split("\r")[-2].strip() == ""
    assert "\n" not in out


def test_a_quick_loop_is_drawn_a_few_times_only(capsys):
    for k in (bar := progress_bar(1000)):
        bar.set_postfix(loss=k)
    assert capsys.readouterr().out.count("\r") < 10


def test_a_bar_takes_an_iterable(capsys):
    assert list(progress_bar([5, 6])) == [5, 6]
    assert "2" in capsys.readouterr().out
