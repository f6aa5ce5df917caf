"""Where a learned law is of use: by the length of a gap and the size of a swing, five seeds: a long run of lesson 29.

    python lessons/runs/29_where.py [--compare]

The codes and the laws are those of 29_film.py, which learn from 300 films with swings of 0.5 to 1.4 radians.
law, line, cross_fade: the mean squared error of a pixel, times 1000, against frames without noise, of the law, of the
codes on a straight line from one kept frame to the next, and of the cross-fade.
where: "gaps of 1", "gaps of 2", "gaps of 3 and 4": in gaps of so many frames of the 100 films of 29_film.py; "swings of
... radians": in gaps of five and more, in 100 films of such swings.
"""

from functools import cache
from pathlib import Path

import torch

from nodekit.classroom.films import pendulum_films
from nodekit.classroom.runs import Run, make

film = Run("29_film", Path(__file__).parent).script
GAPS = {"gaps of 1": (1, 1), "gaps of 2": (2, 2), "gaps of 3 and 4": (3, 4)}
SWINGS = {f"swings of {low} to {high} radians": (low, high) for low, high in ((0.5, 1.4), (1.4, 1.6), (1.8, 2.4))}
SETTINGS = [{"where": where, "seed": seed} for where in (*GAPS, *SWINGS) for seed in range(5)]


def found(code, law, films):
    """The frames by the law, by the line between codes and by the cross-fade."""
    frames = film.kept(films)[0]
    with torch.no_grad():
        q = film.between(films, code.encoder(frames).numpy())
        line = code.decoder(torch.tensor(q)).numpy()
    return {"law": film.by_law(code, law, films), "line": line, "cross_fade": film.between(films, frames.numpy())}


def measured(code, law, where, seed):
    """A row, of a code and a law that are trained."""
    if where in SWINGS:
        films, (low, high) = pendulum_films(100, 2000 + seed, amplitude=SWINGS[where]), (5, 100)
    else:
        films, (low, high) = pendulum_films(100, 1000 + seed), GAPS[where]
    asked = (films.gaps() >= low) & (films.gaps() <= high)
    ways = found(code, law, films)
    return {way: 1000 * float(((x - films.clean) ** 2).mean((2, 3))[asked].mean()) for way, x in ways.items()}


@cache
def trained(seed):
    learn, code = film.data(300, seed)[0], film.code_of(300, seed)
    return code, film.train_law(code, learn, seed)


def measure(where, seed):
    return measured(*trained(seed), where, seed)


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
