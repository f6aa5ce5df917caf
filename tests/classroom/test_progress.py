"""nodekit.classroom.progress."""

from nodekit.classroom.progress import progress


def test_a_bar_shows_loss_and_nfev_and_clears_its_line(capsys):
    """It yields 0..steps-1, prints on standard output what is set beside it, and leaves an empty line."""
    seen = []
    for k in (bar := progress(3, "fitting")):
        bar.set_postfix(loss=f"{0.5**k:.2f}", nfev=7)
        seen.append(k)
    out, err = capsys.readouterr()
    assert seen == [0, 1, 2]
    assert err == ""
    for shown in ("fitting", "loss=0.25", "nfev=7"):
        assert shown in out
    assert out.split("\r")[-2].strip() == ""
    assert "\n" not in out


def test_a_bar_takes_an_iterable(capsys):
    assert list(progress([5, 6])) == [5, 6]
    assert "2" in capsys.readouterr().out
