"""A progress bar for training (used from lesson 02 on): how far, how fast, and the loss and nfev of the moment."""

import sys

from tqdm import tqdm

__all__ = ["progress_bar"]


class Bar(tqdm):
    """A tqdm bar that what is set beside it does not redraw by itself: a saved notebook would keep every redraw."""

    def set_postfix(self, *given, refresh=False, **shown):
        super().set_postfix(*given, refresh=refresh, **shown)


def progress_bar(steps, what="training"):
    """A bar over range(steps); it prints on standard output, and clears its line when it is done.

        for k in (bar := progress_bar(400)):
            ...
            bar.set_postfix(loss=f"{loss:.1e}", nfev=nfev)

    steps: int, how many steps there will be, or an iterable with a length.
    what: str, shown in front of the bar.
    """
    steps = range(steps) if isinstance(steps, int) else steps
    # ascii, a fixed width and no redraws within 0.2 s: the bar reads the same in a notebook, a terminal and a log
    return Bar(steps, desc=what, file=sys.stdout, leave=False, ncols=90, mininterval=0.2, ascii=True)
