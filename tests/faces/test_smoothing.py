"""Smoothed landmarks: steadier, no further from the truth, without lag, and not drawn along by a single jump."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.faces import smoothing
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.smoothing import smooth
from fertools.samples.moments import draw_clip
from fertools.sources.videos import FrameReader
from tests.conftest import write_clip

Path3 = NDArray[np.float64]
FACE = np.array([[0, 0], [60, 0], [30, 36], [9, 66], [51, 66]], np.float64)


def smoothed(times_s: NDArray[np.float64], points: Path3, half_width_s: float = 0.2) -> Path3:
    return np.array([smooth(times_s, points, time_s, half_width_s) for time_s in times_s])


def jitter(points: Path3) -> float:
    """Return the mean length of second differences."""
    return float(np.linalg.norm(np.diff(points, 2, axis=0), axis=2).mean())


def distance(points: Path3, truth: Path3) -> float:
    return float(np.linalg.norm(points - truth, axis=2).mean())


def uneven(count: int, fps: float, seed: int = 0) -> NDArray[np.float64]:
    """Return times of a varying frame rate."""
    return np.cumsum(np.random.default_rng(seed).uniform(0.6, 1.4, count) / fps)


def evenly(count: int, apart_s: float) -> NDArray[np.float64]:
    return np.array([number * apart_s for number in range(count)])


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.floats(8, 120))
def test_motion_that_is_even_or_speeds_up_evenly_is_kept(seed: int, fps: float) -> None:
    times_s = uneven(20, fps, seed)
    start, speed, pull = np.random.default_rng(seed).normal(0, 100, (3, 1, 5, 2))
    times = times_s[:, None, None]
    path = start + speed * times + pull * times**2
    np.testing.assert_allclose(smoothed(times_s, path), path, atol=1e-6 * (1 + np.abs(path).max()))


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.floats(0.2, 3), st.floats(-200, 200))
def test_it_moves_and_grows_with_the_picture(seed: int, scale: float, shift: float) -> None:
    times_s = uneven(15, 25, seed)
    path = FACE + np.random.default_rng(seed).normal(0, 2, (15, 5, 2))
    np.testing.assert_allclose(
        smoothed(times_s, scale * path + shift), scale * smoothed(times_s, path) + shift, atol=1e-6
    )


def test_equals_a_plain_weighted_fit_where_nothing_jumps() -> None:
    times_s, rng = uneven(21, 30), np.random.default_rng(3)
    points = FACE + 40 * times_s[:, None, None] + rng.normal(0, 1, (21, 5, 2))
    weights = np.clip(1 - np.abs((times_s - times_s[10]) / 0.2) ** 3, 0, None) ** 3
    fits = [np.polyfit(times_s - times_s[10], column, 2, w=np.sqrt(weights))[-1] for column in points.reshape(21, -1).T]
    found = smooth(times_s, points, times_s[10], 0.2)
    # The bisquare weights of moments that all lie near the fit are close to one.
    assert np.abs(found - np.reshape(fits, (5, 2))).max() < 0.35
    assert np.abs(points[10] - np.reshape(fits, (5, 2))).max() > 1


@pytest.mark.parametrize("turns", [0.0, 1.0, 2.0, 3.0])
def test_a_shaken_head_is_followed_without_lag(turns: float) -> None:
    times_s, rng = uneven(150, 25), np.random.default_rng(1)
    swing = 30 * min(1, 1 / max(turns, 1)) * np.sin(2 * np.pi * turns * times_s)
    truth = FACE + swing[:, None, None] * np.array([1, 0.2])
    points = truth + rng.normal(0, 1.2, truth.shape) + rng.normal(0, 0.9, (150, 1, 2))
    steady = smoothed(times_s, points)
    assert jitter(steady - truth) < 0.5 * jitter(points - truth)
    assert distance(steady, truth) < distance(points, truth)
    # A lag would show as the truth of some time before fitting better than that of now.
    lags_s = [number / 400 for number in range(-32, 33)]
    if turns:
        x = steady[10:-10].mean(axis=1)[:, 0]

        def off(lag_s: float) -> float:
            return float(np.abs(x - np.interp(times_s[10:-10] - lag_s, times_s, truth.mean(axis=1)[:, 0])).mean())

        best_s = min(lags_s, key=off)
        assert abs(best_s) <= 0.006


def test_a_single_jump_pulls_nothing_along() -> None:
    times_s, rng = np.arange(60) / 25, np.random.default_rng(2)
    truth = FACE + 50 * times_s[:, None, None]
    points = truth + rng.normal(0, 0.8, truth.shape)
    jumps = [12, 30, 47]
    jumped = points.copy()
    jumped[jumps] += 25
    beside = sorted({place + step for place in jumps for step in range(-4, 5)})
    assert distance(smoothed(times_s, jumped)[beside], truth[beside]) < 1.2
    assert distance(smoothed(times_s, jumped)[jumps], truth[jumps]) < 3 < distance(jumped[jumps], truth[jumps])


@given(st.integers(0, 2**31), st.integers(1, 14), st.sampled_from([0.0, 0.5, 40.0]), st.booleans())
def test_it_is_what_a_linear_algebra_library_fits(seed: int, count: int, jump: float, twice: bool) -> None:
    """Few moments or many, some of them at one time, and some of whose points have jumped."""
    rng = np.random.default_rng(seed)
    times_s = uneven(count, 25, seed)
    if twice:
        times_s = times_s[rng.integers(0, count, count)]
    points = FACE + 40 * times_s[:, None, None] + rng.normal(0, 1, (count, 5, 2))
    points[rng.random(count) < 0.3] += jump

    def least_squares(powers: Path3, flat: Path3, weights: Path3) -> Path3:
        root = np.sqrt(np.where(weights > 1e-6 * weights.max(), weights, 0))[:, None]
        return np.asarray(np.linalg.lstsq(powers * root, flat * root, rcond=1e-9)[0], np.float64)

    for time_s in times_s.tolist():
        ours = smooth(times_s, points, time_s, 0.2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(smoothing, "_fit", least_squares)
            # In pixels. Normal equations lose that much where the fit hangs on a moment that hardly counts.
            np.testing.assert_allclose(ours, smooth(times_s, points, time_s, 0.2), atol=2e-3)


def test_frames_too_far_apart_stay_as_they_are() -> None:
    points = FACE + np.random.default_rng(0).normal(0, 3, (6, 5, 2))
    for apart_s in (0.1, 0.2, 1.0):
        np.testing.assert_allclose(smoothed(evenly(6, apart_s), points), points, atol=1e-9)
    assert np.abs(smoothed(evenly(6, 0.04), points) - points).max() > 0.5


def test_frames_shown_at_one_time_are_averaged() -> None:
    points = np.stack([FACE, FACE + 2])
    np.testing.assert_allclose(smooth(np.zeros(2), points, 0.0, 0.2), FACE + 1)


@pytest.mark.parametrize(("person", "emotion", "look"), [(1, "happiness", "lab"), (2, "fear", "wild")])
def test_detected_points_of_a_moving_drawn_face_are_steadier_and_nearer_to_the_truth(
    tmp_path: Path, person: int, emotion: str, look: str
) -> None:
    moments = draw_clip(person, emotion, look, 30).moments
    truth = np.array([moment.landmarks("visible", 192) for moment in moments])
    clip = write_clip(tmp_path / "a.mp4", [moment.picture("visible", 192) for moment in moments])
    detector, frames = MtcnnDetector(min_face=40, mode="exact"), list(FrameReader(clip))
    found = [detector.detect([frame.rgb])[0] for frame in frames]
    assert all(len(faces) for faces in found)
    points = np.array([faces.landmarks[0] for faces in found], np.float64)
    times_s = np.array([frame.pts_s for frame in frames])
    steady = smoothed(times_s, points)
    assert jitter(steady) < jitter(points) / 3
    assert distance(steady, truth) <= distance(points, truth)

    # Most of that is where the detector takes a nose to be; without it, what trembles is left.
    def trembling(path: Path3) -> float:
        return distance(path - (path - truth).mean(axis=0), truth)

    assert trembling(steady) < 0.95 * trembling(points)


def test_the_fit_is_the_least_squares_one_even_where_moments_are_few() -> None:
    rng = np.random.default_rng(5)
    powers = np.vander(np.sort(rng.uniform(-1, 1, 7)), 3, increasing=True)
    flat = rng.normal(0, 40, (7, 10)) + 500
    for weights in (rng.uniform(0.1, 1, 7), np.array([0, 0, 1, 0.5, 0, 0.3, 0]), np.array([0, 0, 1, 0.5, 0, 0, 0])):
        root = np.sqrt(weights)[:, None]
        wanted = np.linalg.lstsq(powers * root, flat * root, rcond=None)[0]
        np.testing.assert_allclose(smoothing._fit(powers, flat, weights), wanted, rtol=1e-6, atol=1e-6)
