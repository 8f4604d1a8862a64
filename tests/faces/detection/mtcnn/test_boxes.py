from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.core.native.library import library
from fertools.faces.detection.mtcnn import boxes as boxwork
from tests.faces.detection.mtcnn import oracle

Floats = NDArray[np.float32]
seeds = st.integers(0, 2**31)


def _reference() -> Any:
    with oracle.stub_torchvision():
        return importlib.import_module("facenet_pytorch.models.utils.detect_face")


REFERENCE = _reference()


def _boxes(seed: int, count: int, *, whole: bool = False) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-20, 60, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 50, (count, 2))], axis=1)
    # Few different scores, so that ties happen.
    scores = rng.choice([0.61, 0.7, 0.75, 0.9, 0.99, 1.0], count)
    return (boxes.round() if whole else boxes).astype(np.float32), scores.astype(np.float32)


def _slow(boxes: Floats, order: list[int], threshold: float, nested: bool) -> list[int]:
    """Keep a box if no kept one overlaps it too much, pair by pair, in plain Python."""
    extra = 1.0 if nested else 0.0
    kept: list[int] = []
    for place in order:
        a = boxes[place].astype(float)
        for other in kept:
            b = boxes[other].astype(float)
            width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + extra)
            height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + extra)
            areas = [(box[2] - box[0] + extra) * (box[3] - box[1] + extra) for box in (a, b)]
            over = min(areas) if nested else sum(areas) - width * height
            if width * height > threshold * over + 1e-4:
                break
        else:
            kept.append(place)
    return kept


@pytest.fixture(scope="module", params=["compiled", "NumPy"], autouse=True)
def _ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """All that is tested here holds for both."""
    if request.param == "compiled" and library() is None:
        pytest.skip("suppression is not compiled here: python -m fertools.core.native.build")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "NumPy":
            patch.setattr(boxwork, "library", lambda: None)
        yield


@given(seeds, st.sampled_from([0, 1, 5, 63, 64, 65, 150]), st.sampled_from([0.31, 0.52, 0.71]))
@settings(deadline=None, max_examples=50)
def test_suppression_is_the_slow_one(seed: int, count: int, threshold: float) -> None:
    boxes, scores = _boxes(seed, count)
    earlier_first = sorted(range(count), key=lambda place: (-scores[place], place))
    assert boxwork.suppress(boxes, scores, threshold).tolist() == _slow(boxes, earlier_first, threshold, nested=False)
    later_first = sorted(range(count), key=lambda place: (-scores[place], -place))
    nested = boxwork.suppress_nested(boxes, scores, threshold)
    assert nested.tolist() == _slow(boxes, later_first, threshold, nested=True)


@given(
    seeds,
    st.lists(st.sampled_from([0, 1, 2, 9, 70]), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.31, 0.52, 0.71]),
    st.booleans(),
    st.sampled_from([1, 7, 100, 1 << 17]),
)
@settings(deadline=None, max_examples=100)
def test_pictures_together_are_pictures_alone(
    seed: int, counts: list[int], threshold: float, nested: bool, pairs: int
) -> None:
    boxes, scores = _boxes(seed, sum(counts))
    # Numbers of pictures with gaps, and their boxes in any order.
    group = np.random.default_rng(seed).permutation(np.repeat(3 * np.arange(len(counts)), counts))
    rule = boxwork.suppress_nested if nested else boxwork.suppress
    alone = [
        here[rule(boxes[here], scores[here], threshold)]
        for here in (np.flatnonzero(group == number) for number in range(3 * len(counts)))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxwork, "_PAIRS", pairs)
        together = rule(boxes, scores, threshold, group)
    assert together.tolist() == np.concatenate(alone).tolist()


@pytest.mark.parametrize("nested", [False, True])
def test_both_ways_decide_alike_to_the_last_bit(monkeypatch: pytest.MonkeyPatch, nested: bool) -> None:
    """Overlaps that are all but the threshold, as thousands of pairs have some."""
    rule = boxwork.suppress_nested if nested else boxwork.suppress
    boxes, scores = _boxes(3, 4000)
    one = rule(boxes, scores, 0.5)
    monkeypatch.setattr(boxwork, "library", lambda: None)
    assert rule(boxes, scores, 0.5).tolist() == one.tolist()
    assert 50 < len(one) < 3000


def test_a_chain_in_which_each_box_covers_the_next_keeps_every_other() -> None:
    # Each falls only after it is known whether the one before stays: as many rounds as there are boxes.
    corner = np.arange(0, 400, 4, dtype=np.float32)
    boxes = np.stack([corner, 0 * corner, corner + 10, 0 * corner + 10], axis=1)
    scores = np.linspace(0.99, 0.6, len(boxes), dtype=np.float32)
    assert boxwork.suppress(boxes, scores, 0.4).tolist() == list(range(0, 100, 2))


@given(seeds, st.integers(1, 120), st.sampled_from([0.5, 0.7]))
@settings(deadline=None, max_examples=50)
def test_suppression_of_whole_boxes_is_the_oracles(seed: int, count: int, threshold: float) -> None:
    # Whole numbers make overlaps of exactly the threshold, as P-Net's windows do.
    boxes, scores = _boxes(seed, count, whole=True)
    boxes[:, 2:] += 1  # an empty box makes the oracle divide by zero
    expected = oracle.nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert boxwork.suppress(boxes, scores, threshold).tolist() == expected.tolist()


def test_a_box_without_area_is_kept_and_drops_nothing() -> None:
    boxes = np.array([[5, 5, 5, 5], [0, 0, 10, 10]], dtype=np.float32)
    assert boxwork.suppress(boxes, np.array([0.9, 0.8], dtype=np.float32), 0.5).tolist() == [0, 1]


@given(seeds, st.integers(1, 30))
@settings(deadline=None, max_examples=50)
def test_regression_squaring_and_clipping_are_the_oracles(seed: int, count: int) -> None:
    boxes, _ = _boxes(seed, count)
    offsets = np.random.default_rng(seed).normal(0, 0.2, (count, 4)).astype(np.float32)
    moved = REFERENCE.bbreg(torch.from_numpy(boxes.copy()), torch.from_numpy(offsets)).numpy()
    np.testing.assert_allclose(boxwork.regress(boxes, offsets), moved, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(boxwork.square(boxes), REFERENCE.rerec(torch.from_numpy(boxes.copy())).numpy())
    y, ey, x, ex = REFERENCE.pad(torch.from_numpy(boxes.copy()), 48, 37)
    np.testing.assert_array_equal(boxwork.clip(boxes, 37, 48), np.stack([x - 1, y - 1, ex, ey], axis=1))


@pytest.mark.parametrize("count", [0, 1])
def test_no_boxes_are_no_boxes(count: int) -> None:
    boxes, scores = np.zeros((count, 4), np.float32), np.zeros(count, np.float32)
    assert len(boxwork.suppress(boxes, scores, 0.5)) == count
    assert boxwork.square(boxes).shape == boxwork.regress(boxes, boxes).shape == boxes.shape
    assert boxwork.clip(boxes, 5, 5).shape == boxes.shape
