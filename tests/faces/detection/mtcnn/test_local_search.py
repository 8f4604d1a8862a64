"""What is found near a known place is what the search of the whole frame finds there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.detection.mtcnn import local_search
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.detection.mtcnn.patches import Patches
from fertools.faces.detection.mtcnn.pooling import crop, shrink, shrink_squares
from fertools.faces.detection.mtcnn.summed_area import AreaTable
from fertools.faces.tracking import overlaps
from tests.faces.scenes import scene


@pytest.fixture(scope="module")
def frames() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (90, 140, 3), dtype=np.uint8) for _ in range(2)]


@given(st.data())
def test_patches_show_what_whole_frames_show(frames: list[NDArray[np.uint8]], data: st.DataObject) -> None:
    x, y = data.draw(st.integers(-8, 100)), data.draw(st.integers(-8, 60))
    square = np.array([[x, y, x + 20, y + 20]], np.float32)
    frame = data.draw(st.integers(0, 1))
    patches = Patches.around(frames, np.array([frame]), square, 1.0)
    whole = AreaTable.of(frames)
    left, top, right, bottom = patches.edges[0].tolist()
    x1, y1 = data.draw(st.integers(left, right - 1)), data.draw(st.integers(top, bottom - 1))
    box = np.array([[x1, y1, data.draw(st.integers(x1 + 1, right)), data.draw(st.integers(y1 + 1, bottom))]])
    part, all_of_it = (
        crop(torch.from_numpy(table.sums), table.windows(np.array([frame]), box), 24) for table in (patches, whole)
    )
    assert torch.equal(part, all_of_it)


@pytest.mark.parametrize("corner", [(0, 0), (4, 6), (20, 12)])
def test_patches_shrink_as_whole_frames_do(frames: list[NDArray[np.uint8]], corner: tuple[int, int]) -> None:
    height, width = 43, 67
    patches = Patches.around(frames, np.array([1]), np.array([[0, 0, 140, 140]], np.float32), 1.0)
    level = shrink(torch.from_numpy(AreaTable.of(frames).sums), height, width, centre=127.5, span=128.0)
    x, y = corner
    size = np.array([[width, height]])
    sums = torch.from_numpy(patches.sums)
    square = shrink_squares(
        sums, patches, np.zeros(1, np.int64), size, np.array([corner]), 22, centre=127.5, span=128.0
    )
    assert torch.equal(square[0], level[1, y : y + 22, x : x + 22])


def test_a_box_outside_of_every_patch_is_a_pixel(frames: list[NDArray[np.uint8]]) -> None:
    patches = Patches.around(frames, np.array([0]), np.array([[10, 10, 20, 20]], np.float32), 0.1)
    shown = crop(torch.from_numpy(patches.sums), patches.windows(np.array([0]), np.array([[100, 60, 120, 80]])), 24)
    assert (shown == shown[:, :1, :1]).all()


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_the_faces_are_those_of_the_full_search(
    portrait: NDArray[np.uint8], shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = scene(portrait, 480, 853, [(300, 20, 40), (190, 400, 200), (450, 500, -60)])
    detector = MtcnnDetector(min_face=20, mode="exact")
    (full,) = detector.detect([picture])
    assert len(full) == 3
    sides = full.boxes[:, 2:] - full.boxes[:, :2]
    moved = full.boxes + np.tile(sides * np.float32(shift), 2)
    (near,) = detector.detect_near([picture], [moved])
    assert len(near) == 3
    assert overlaps(near.boxes, full.boxes).max(axis=0).min() > 0.9
    # Windows much smaller than a face seldom lead to it; with these too the answers are equal.
    monkeypatch.setattr(local_search, "LARGEST", 2.9)
    monkeypatch.setattr(local_search, "_SIDES_PX", (18, 22, 30, 42, 60))
    (near,) = detector.detect_near([picture], [moved])
    np.testing.assert_allclose(near.boxes, full.boxes, atol=0.01)
    np.testing.assert_allclose(near.landmarks, full.landmarks, atol=0.01)
    np.testing.assert_allclose(near.scores, full.scores, atol=1e-4)


def test_frames_are_looked_at_together_as_one_by_one(portrait: NDArray[np.uint8]) -> None:
    detector = MtcnnDetector(min_face=40)
    frames = [portrait, np.roll(portrait, 30, axis=1), np.zeros_like(portrait)]
    found = detector.detect(frames)
    expected = [found[0].boxes, found[1].boxes, found[0].boxes]
    together = detector.detect_near(frames, expected)
    assert [len(one) for one in together] == [1, 1, 0]
    for frame, boxes, answer in zip(frames, expected, together, strict=True):
        (alone,) = detector.detect_near([frame], [boxes])
        np.testing.assert_allclose(alone.boxes, answer.boxes, atol=1e-3)


def test_two_boxes_of_one_face_lead_to_it_once_and_far_ones_to_nothing(portrait: NDArray[np.uint8]) -> None:
    detector = MtcnnDetector(min_face=40)
    (full,) = detector.detect([portrait])
    far = np.array([[5, 400, 80, 480], [-300, -300, -200, -200]], np.float32)
    (near,) = detector.detect_near([portrait], [np.concatenate([far, full.boxes - 5, full.boxes + 5])])
    assert len(near) == 1
    assert detector.detect_near([portrait, portrait], [far, far[:0]])[0].boxes.shape == (0, 4)
    assert [len(one) for one in detector.detect_near([portrait], [far[1:]])] == [0]


def test_a_search_tells_what_it_doubts(portrait: NDArray[np.uint8]) -> None:
    strict, usual = MtcnnDetector(min_face=40, thresholds=(0.6, 0.7, 0.9999999)), MtcnnDetector(min_face=40)
    (doubt,), (sure,) = strict.search([portrait]), usual.search([portrait])
    assert len(doubt.faces) == 0
    assert len(sure.faces) == 1
    np.testing.assert_allclose(doubt.low_confidence[:1], sure.faces.boxes)


def test_frames_must_be_pictures() -> None:
    with pytest.raises(InputError, match="give RGB pictures"):
        MtcnnDetector().detect_near([np.zeros((40, 40), np.uint8)], [np.zeros((1, 4), np.float32)])


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_frames_of_unequal_size_are_looked_at_apart(portrait: NDArray[np.uint8], mode: str) -> None:
    """The smaller ones are upper parts of the larger, which go on below them in memory."""
    detector = MtcnnDetector(mode=mode)
    frames = [portrait, portrait[:200], portrait[:200, :300], portrait]
    boxes = detector.detect([portrait])[0].boxes
    expected = [boxes, boxes + 90, boxes, boxes]
    together = detector.detect_near(frames, expected)
    for frame, near, found in zip(frames, expected, together, strict=True):
        (alone,) = detector.detect_near([frame], [near])
        np.testing.assert_array_equal(found.boxes, alone.boxes)
        assert (found.boxes[:, 1] < frame.shape[0]).all()
    assert [len(found) for found in together][::3] == [1, 1]
