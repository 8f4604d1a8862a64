"""Following finds what searching in full finds, wherever faces walk, come, go and cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.faces.detection.detections import Detections, FrameSearch
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.propagation import match_displacement, propagate
from fertools.faces.tracking import overlaps

Frames = list[NDArray[np.uint8]]
LENGTH = 12


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector(min_face=40)


def _scene(portrait: NDArray[np.uint8], place: Callable[[int], tuple[int, int] | None]) -> Frames:
    """Return frames of a grey wall with the astronaut's head at `place(frame)`, or nobody."""
    head = portrait[20:240, 120:330]
    frames = []
    rng = np.random.default_rng(0)
    wall = (
        np.repeat(rng.integers(90, 130, (30, 60, 1), dtype=np.uint8), 3, axis=2).repeat(10, axis=0).repeat(10, axis=1)
    )
    for index in range(LENGTH + 1):
        frame = wall.copy()
        if (corner := place(index)) is not None:
            x, y = corner
            frame[y : y + head.shape[0], x : x + head.shape[1]] = head
        frames.append(frame)
    return frames


def _both(detector: MtcnnDetector, frames: Frames) -> tuple[Sequence[Detections], Sequence[Detections], int]:
    """Return what each way finds, and how many frames following searched in full besides its ends."""
    full = detector.search(frames)
    calls = 0

    class Counting(MtcnnDetector):
        def __init__(self) -> None:
            self.__dict__.update(detector.__dict__)

        def search(self, frames: Sequence[NDArray[np.uint8]]) -> list[FrameSearch]:
            nonlocal calls
            calls += len(frames)
            return detector.search(frames)

    inner = propagate(Counting(), frames, full[0], full[-1])
    return [search.faces for search in full], [full[0].faces, *inner, full[-1].faces], calls


def _assert_alike(full: Sequence[Detections], followed: Sequence[Detections]) -> None:
    assert len(full) == len(followed)
    for one, other in zip(full, followed, strict=True):
        assert len(one) == len(other)
        if len(one):
            assert overlaps(one.boxes, other.boxes).max(axis=1).min() > 0.85
            eyes = np.linalg.norm(one.landmarks[:, 1] - one.landmarks[:, 0], axis=1)
            apart = np.linalg.norm(one.landmarks - other.landmarks, axis=2).mean(axis=1)
            assert (apart / eyes).max() < 0.05


@pytest.mark.parametrize(
    ("place", "searched"),
    [
        (lambda index: (100 + 2 * index, 30), 0),
        # More than a third of the face's width from one frame to the next.
        (lambda index: (10 + 30 * index, 30), 0),
        (lambda index: (100, 30) if index < 5 else None, 0),
        (lambda index: (100, 30) if index >= 5 else None, 0),
        # A cut: who was here is there.
        (lambda index: (20, 10) if index < 6 else (370, 60), 0),
        (lambda index: None, 0),
    ],
    ids=["slow", "fast", "leaves", "comes", "cut", "nobody"],
)
def test_one_face(
    detector: MtcnnDetector, portrait: NDArray[np.uint8], place: Callable[[int], tuple[int, int] | None], searched: int
) -> None:
    full, followed, calls = _both(detector, _scene(portrait, place))
    _assert_alike(full, followed)
    assert calls == searched


def test_a_face_of_one_end_is_expected_where_its_picture_moves_to(
    detector: MtcnnDetector, portrait: NDArray[np.uint8]
) -> None:
    """Walking through the picture until it is gone, it is met in the one look at all frames."""
    frames = _scene(portrait, lambda index: (10 + 30 * index, 30) if index < 9 else None)
    full = detector.search(frames)
    met: list[int] = []

    class Noting(MtcnnDetector):
        def __init__(self) -> None:
            self.__dict__.update(detector.__dict__)

        def detect_near(
            self, frames: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
        ) -> list[Detections]:
            found = detector.detect_near(frames, boxes)
            met.append(sum(map(len, found)))
            return found

    propagate(Noting(), frames, full[0], full[-1])
    assert met[0] == 8
    assert not any(met[1:])


def test_a_face_that_is_hidden_for_long_is_searched_for_in_between(
    detector: MtcnnDetector, portrait: NDArray[np.uint8]
) -> None:
    """It is lost from both ends near one place, so the middle is looked at, and a short return there is seen."""
    full, followed, calls = _both(
        detector, _scene(portrait, lambda index: (100, 30) if index in (0, 5, 6, 7, 12) else None)
    )
    assert calls >= 1
    _assert_alike(full, followed)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (7, -4), (-30, 12), (0, 40)])
def test_a_step_is_the_way_that_the_picture_moved(portrait: NDArray[np.uint8], dx: int, dy: int) -> None:
    before = portrait[100:400, 50:400]
    after = portrait[100 - dy : 400 - dy, 50 - dx : 400 - dx]
    box = np.array([130, 60, 220, 170], np.float32)
    step = match_displacement(before, after, box)
    assert np.abs(np.array(step) - (dx, dy)).max() < 110 / 24


def test_a_flat_patch_or_one_outside_has_no_step() -> None:
    flat = np.full((100, 100, 3), 77, np.uint8)
    assert match_displacement(flat, flat, np.array([20, 20, 60, 60], np.float32)) == (0.0, 0.0)
    assert match_displacement(flat, flat, np.array([-60, -60, -10, -10], np.float32)) == (0.0, 0.0)
    assert match_displacement(flat, flat, np.array([140, 20, 180, 60], np.float32)) == (0.0, 0.0)
