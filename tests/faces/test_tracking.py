from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.faces.tracking import Tracker, overlaps

Boxes = NDArray[np.float64]


def box(x: float, y: float, side: float = 40) -> list[float]:
    return [x, y, x + side, y + side]


def move_to(frames: list[list[list[float]]], tracker: Tracker | None = None, fps: float = 25) -> list[list[int]]:
    """Return the numbers of each frame's boxes, all of one score."""
    tracker = tracker or Tracker()
    return [
        tracker.update(index, index / fps, np.array(boxes).reshape(-1, 4), np.full(len(boxes), 0.99))
        for index, boxes in enumerate(frames)
    ]


def test_people_who_walk_past_one_another_keep_their_numbers() -> None:
    # In the middle their boxes overlap by nearly half; the order in which they are given changes with every frame.
    right = [box(10 + 6 * step, 20) for step in range(25)]
    left = [box(160 - 6 * step, 30) for step in range(25)]
    frames = [[a, b] if step % 2 else [b, a] for step, (a, b) in enumerate(zip(right, left, strict=True))]
    numbers = move_to(frames)
    assert overlaps(np.array(right), np.array(left)).diagonal().max() > 0.45
    assert [pair if step % 2 else pair[::-1] for step, pair in enumerate(numbers)] == [numbers[0][::-1]] * 25


def test_a_fast_face_is_followed_by_its_speed_alone() -> None:
    # It gains speed until no box overlaps the one before; a face that jumps as far at once is another face.
    steady = [[box(10 + 4 * step**2, 20)] for step in range(9)]
    assert overlaps(np.array(steady[-2]), np.array(steady[-1]))[0, 0] == 0
    assert move_to(steady) == [[0]] * 9
    assert move_to([steady[0], [box(70, 20)]]) == [[0], [1]]


@pytest.mark.parametrize(("missing", "number"), [(1, 0), (11, 0), (12, 1), (40, 1)])
def test_a_gap_of_half_a_second_is_bridged_and_no_longer_one(missing: int, number: int) -> None:
    assert move_to([[box(10, 20)], *[[]] * missing, [box(12, 20)]])[-1] == [number]


def test_a_face_is_found_again_where_it_should_be_by_now() -> None:
    frames = [[box(10 * step, 20)] for step in range(5)] + [[]] * 4 + [[box(90, 20)]]
    assert overlaps(np.array([box(40, 20)]), np.array([box(90, 20)]))[0, 0] == 0
    assert move_to(frames)[-1] == [0]


def test_after_a_cut_all_numbers_are_new() -> None:
    tracker = Tracker()
    assert move_to([[box(10, 20), box(90, 20)]], tracker) == [[0, 1]]
    tracker.cut()
    assert tracker.update(1, 0.04, np.array([box(10, 20)]), np.array([0.9])) == [2]


def test_times_come_from_the_frames_and_only_else_from_their_numbers() -> None:
    face, score = np.array([box(10, 20)]), np.array([0.99])
    slow, unknown = Tracker(), Tracker()
    assert [slow.update(number, number * 1.0, face, score) for number in range(3)] == [[0], [1], [2]]
    assert [unknown.update(number, None, face, score) for number in range(3)] == [[0]] * 3


def test_of_two_boxes_on_one_face_the_closer_has_the_track() -> None:
    assert move_to([[box(10, 20)], [box(20, 20), box(11, 20)]])[1] == [1, 0]


def test_of_equal_overlaps_the_surer_face_has_the_track() -> None:
    tracker = Tracker()
    tracker.update(0, 0.0, np.array([box(10, 20)]), np.array([0.9]))
    assert tracker.update(1, 0.04, np.array([box(6, 20), box(14, 20)]), np.array([0.8, 0.95])) == [1, 0]


@given(st.integers(0, 2**31), st.integers(1, 12))
@settings(deadline=None, max_examples=50)
def test_numbers_are_distinct_in_a_frame_and_given_in_order(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [
        [box(rng.uniform(0, 120), rng.uniform(0, 120), rng.uniform(5, 60)) for _ in range(rng.integers(0, count))]
        for _ in range(9)
    ]
    numbers = move_to(frames)
    assert numbers == move_to(frames)
    seen: list[int] = []
    for frame in numbers:
        assert len(set(frame)) == len(frame)
        new = [number for number in frame if number not in seen]
        assert new == list(range(len(seen), len(seen) + len(new)))
        seen += new


def test_frames_without_faces_are_no_trouble() -> None:
    assert move_to([[], [], [box(1, 1)], []]) == [[], [], [0], []]


@given(st.integers(0, 2**31), st.integers(0, 6), st.integers(0, 6))
@settings(deadline=None, max_examples=50)
def test_overlap_is_counted_in_pixels(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)

    def some(count: int) -> NDArray[np.int64]:
        corner = rng.integers(0, 20, (count, 2))
        return np.concatenate([corner, corner + rng.integers(0, 15, (count, 2))], axis=1)

    def pixels(one: NDArray[np.int64]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(one[0], one[2]) for y in range(one[1], one[3])}

    a, b = some(n), some(m)
    found = overlaps(a.astype(np.float64), b.astype(np.float64))
    assert found.shape == (n, m)
    for i in range(n):
        for j in range(m):
            both, either = pixels(a[i]) & pixels(b[j]), pixels(a[i]) | pixels(b[j])
            assert found[i, j] == pytest.approx(len(both) / len(either) if either else 0)
