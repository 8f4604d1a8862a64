from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.samples.moments import draw_clip
from fertools.sources.shots import CutDetector
from fertools.sources.videos import Frame

Picture = NDArray[np.uint8]


def _blobs(seed: int, low: int, high: int, size: tuple[int, int] = (90, 160)) -> Picture:
    noise = np.random.default_rng(seed).integers(low, high, (*size, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 8), dtype=np.uint8)


ROOM, STREET = _blobs(3, 0, 120), _blobs(4, 165, 256)


def _cuts(frames: list[Picture]) -> list[int]:
    detector = CutDetector()
    return [number for number, frame in enumerate(frames) if detector.is_cut(frame)]


@pytest.mark.parametrize("lengths", [(3, 4), (1, 1), (5, 1, 2), (2, 2, 2, 2)])
def test_every_cut_is_called_at_its_first_frame(lengths: tuple[int, ...]) -> None:
    frames = [(ROOM, STREET)[shot % 2] for shot, length in enumerate(lengths) for _ in range(length)]
    assert _cuts(frames) == np.cumsum(lengths)[:-1].tolist()


@pytest.fixture(scope="module")
def people() -> list[list[Picture]]:
    """Drawn people in one drawn room, all at one place and of one size."""
    return [
        [
            np.asarray(moment.picture("visible", 192), np.uint8)
            for moment in draw_clip(number, "happiness", "lab", 6).moments
        ]
        for number in range(1, 6)
    ]


@pytest.mark.parametrize("light", [1.0, 0.2])
@pytest.mark.parametrize("length", [2, 6])
def test_people_of_one_room_are_cuts_in_light_and_dark(people: list[list[Picture]], light: float, length: int) -> None:
    rng = np.random.default_rng(0)
    frames = [frame * light + rng.normal(0, 2, frame.shape) for moments in people for frame in moments[:length]]
    cuts = _cuts([np.clip(frame, 0, 255).astype(np.uint8) for frame in frames])
    assert cuts == list(range(length, len(frames), length))


def test_where_cuts_and_movement_cannot_be_told_apart_they_are_changes(people: list[list[Picture]]) -> None:
    detector = CutDetector()
    frames = [Frame(index, None, moments[0]) for index, moments in enumerate(people)]
    assert list(detector.watch(frames)) == frames
    assert detector.changes == {1, 2, 3, 4}
    assert detector.cuts <= detector.changes


def test_lamps_and_flashes_are_no_cuts(people: list[list[Picture]]) -> None:
    frames = people[0] * 3
    lamps = [frame if index // 5 % 2 else (frame * 0.3).astype(np.uint8) for index, frame in enumerate(frames)]
    assert _cuts(lamps) == []
    flash = [
        np.clip(frame * (1.4 if index == 7 else 1.0), 0, 255).astype(np.uint8) for index, frame in enumerate(frames)
    ]
    assert _cuts(flash) == []


def test_a_whip_pan_is_no_cut(portrait: Picture) -> None:
    wide = np.concatenate([portrait[100:388], portrait[100:388, ::-1]], axis=1)
    places = [0] * 6 + list(range(60, 512, 60))
    assert _cuts([np.ascontiguousarray(wide[:, x : x + 512]) for x in places]) == []


def test_a_pan_is_no_cut() -> None:
    # Everything moves a quarter of the picture from frame to frame, but the colours stay.
    assert _cuts([np.roll(ROOM, 40 * step, axis=1) for step in range(6)]) == []


def test_a_person_crossing_is_no_cut() -> None:
    frames = []
    for x in range(0, 160, 20):
        frame = ROOM.copy()
        frame[20:, x : x + 35] = (220, 180, 160)
        frames.append(frame)
    assert _cuts(frames) == []


def test_flicker_and_a_slow_fade_are_no_cuts() -> None:
    flicker = [np.clip(ROOM.astype(int) + (20 if step % 2 else 0), 0, 255).astype(np.uint8) for step in range(6)]
    assert _cuts(flicker) == []
    fade = [np.asarray(cv2.addWeighted(ROOM, 1 - step / 25, STREET, step / 25, 0), np.uint8) for step in range(26)]
    assert _cuts(fade) == []


def test_noise_of_the_camera_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(ROOM + rng.normal(0, 12, ROOM.shape), 0, 255).astype(np.uint8) for _ in range(5)]
    assert _cuts(noisy) == []


@pytest.mark.parametrize("size", [(4, 4), (18, 32), (40, 300), (720, 1280)])
def test_pictures_may_have_any_size_and_change_it(size: tuple[int, int]) -> None:
    one, other = (np.full((*size, 3), value, np.uint8) for value in (30, 220))
    assert _cuts([one, one, other, other]) == [2]
    assert _cuts([one, np.full((50, 70, 3), 30, np.uint8)]) == []
