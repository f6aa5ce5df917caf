"""nodekit.classroom.films: frames show the bob where it is, films obey the law, and the kept frames are counted."""

import numpy as np
import pytest

from nodekit.classroom.films import bob, pendulum_films


def centre(frames, pixels):
    """(x, y) of the light of each frame (..., pixels, pixels)."""
    place = (np.arange(pixels) + 0.5) / pixels * 2.8 - 1.4
    light = frames.sum((-2, -1))
    return (frames.sum(-2) * place).sum(-1) / light, -(frames.sum(-1) * place).sum(-1) / light


@pytest.mark.parametrize("pixels", [16, 21])
def test_the_light_is_where_the_bob_is(pixels):
    """At (sin, −cos) of the angle, the top row first; brightness within [0, 1]."""
    angles = np.array([[-1.3, -0.4, 0.0], [0.7, 1.5, 2.9]])
    frames = bob(angles, pixels, soft=0.04)
    assert frames.shape == (2, 3, pixels, pixels)
    assert frames.dtype == np.float32
    x, y = centre(frames.astype(float), pixels)
    assert np.allclose(x, np.sin(angles), atol=0.02)
    assert np.allclose(y, -np.cos(angles), atol=0.02)
    assert frames.min() >= 0
    assert 0.8 < frames.max() <= 1
    assert np.allclose(bob(0.7, pixels, soft=0.04), frames[1, 0])


def test_a_larger_bob_and_a_sharper_rim():
    sharp = bob(0.4, 64, radius=0.5, soft=0.001)
    assert abs(sharp.sum() * (2.8 / 64) ** 2 - np.pi * 0.25) < 0.01
    assert ((sharp > 0.01) & (sharp < 0.99)).mean() < 0.01
    assert bob(0.4, 64, radius=0.3, soft=0.001).sum() < 0.5 * sharp.sum()
    soft = bob(0.4, 64, radius=0.5, soft=0.1)
    inside = np.hypot(0.5, 0.5 - 0.5)  # on the rim a pixel is one half
    place = (np.arange(64) + 0.5) / 64 * 2.8 - 1.4
    row, column = np.abs(-place - -np.cos(0.4)).argmin(), np.abs(place - (np.sin(0.4) + inside)).argmin()
    assert abs(soft[row, column] - 0.5) < 0.15


@pytest.mark.parametrize("options", [{"pixels": 0}, {"radius": 0}, {"soft": -1.0}, {"radius": float("nan")}])
def test_a_frame_that_cannot_be(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        bob(0.0, **options)


@pytest.mark.parametrize("angle", [float("nan"), [0.1, float("inf")]])
def test_an_angle_that_is_none(angle):
    with pytest.raises(ValueError, match="angle"):
        bob(angle)


def test_films():
    """Shapes, the seed, the law, the swings' reach, the noise, and the kept frames."""
    films, again, other = (pendulum_films(40, seed, amplitude=(0.5, 1.1)) for seed in (3, 3, 4))
    assert films.t.shape == (120,)
    assert np.isclose(films.t[20], 2 * np.pi)
    assert films.state.shape == (40, 120, 2)
    assert films.clean.shape == films.frames.shape == (40, 120, 16, 16)
    assert films.frames.dtype == np.float32
    assert np.array_equal(films.frames, again.frames)
    assert np.array_equal(films.seen, again.seen)
    assert not np.array_equal(films.frames, other.frames)
    angle, velocity = np.moveaxis(films.state, -1, 0)
    energy = velocity**2 / 2 + 1 - np.cos(angle)
    assert np.allclose(energy, energy[:, :1], atol=1e-6)
    slope = np.gradient(angle, films.t, axis=1)[:, 1:-1]
    assert np.allclose(slope, velocity[:, 1:-1], atol=0.03)
    assert np.allclose(films.clean, bob(angle))
    assert abs((films.frames - films.clean).std() - 0.02) < 1e-3
    reach = np.arccos(1 - energy[:, 0])
    assert reach.min() > 0.5
    assert reach.max() < 1.1
    assert reach.std() > 0.1
    assert (velocity[:, 0] > 0).any()
    assert (velocity[:, 0] < 0).any()
    assert films.seen.shape == (40, 30)
    assert films.window == 100
    assert np.all(np.diff(films.seen, axis=1) > 0)
    assert films.seen.min() >= 0
    assert films.seen.max() == 99


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_films_of_few_frames(frames):
    """As many frames as were asked for, the first of the longer film's, a period's twentieth apart."""
    few, more = (pendulum_films(4, 6, frames=n, window=1, kept=1, noise=0) for n in (frames, 20))
    assert few.frames.shape == (4, frames, 16, 16)
    assert np.array_equal(few.t, more.t[:frames])
    assert np.allclose(few.state, more.state[:, :frames], atol=1e-6)
    assert np.array_equal(few.frames, few.clean)


def test_gaps():
    """Each missing frame between two kept ones knows how many are missing with it; all others have 0."""
    films = pendulum_films(5, 1, frames=30, window=25, kept=8, pixels=4)
    gaps = films.gaps()
    assert gaps.shape == (5, 30)
    for row, seen in zip(gaps, films.seen, strict=True):
        for number in range(30):
            left, right = seen[seen <= number], seen[seen >= number]
            inside = number not in seen and len(left) and len(right)
            assert row[number] == (right[0] - left[-1] - 1 if inside else 0)
    assert gaps.max() > 2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"films": 0}, "films"),
        ({"frames": 0}, "frames"),
        ({"kept": 0}, "kept"),
        ({"window": 0}, "window"),
        ({"pixels": 0}, "pixels"),
        ({"kept": 101}, "kept=101"),
        ({"window": 121}, "window=121"),
        ({"amplitude": (1.4, 0.5)}, "amplitude"),
        ({"amplitude": (0.5, 3.2)}, "amplitude"),
        ({"amplitude": (-1.0, 1.0)}, "amplitude"),
        ({"amplitude": (float("nan"), 1.0)}, "amplitude"),
        ({"amplitude": 1.0}, "amplitude"),
        ({"noise": -0.1}, "noise"),
        ({"noise": float("nan")}, "noise"),
    ],
)
def test_films_that_cannot_be(options, word):
    with pytest.raises(ValueError, match=word):
        pendulum_films(**{"films": 2, "seed": 0, **options})
