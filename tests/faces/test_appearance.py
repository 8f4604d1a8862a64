"""Looks tell drawn people apart, and keep their tracks where place alone would not."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.faces import appearance
from fertools.faces.appearance import describe_appearance
from fertools.faces.tracking import MIN_REIDENTIFICATION_SIMILARITY, Tracker
from fertools.samples.moments import draw_clip

SIDE = 96
Picture = NDArray[np.uint8]
Person = list[tuple[Picture, NDArray[np.float64]]]


def person(number: int, moments: int = 6) -> Person:
    """Return pictures of a person whose expression and pose change, with the five points in each."""
    clip = draw_clip(number, "happiness", "lab", moments).moments
    return [(moment.picture("visible", SIDE), moment.landmarks("visible", SIDE)) for moment in clip]


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [person(number) for number in range(1, 7)]


def box_of(points: NDArray[np.float64]) -> list[float]:
    x, y = points.mean(axis=0)
    return [x - 24, y - 30, x + 24, y + 30]


def walk(
    paths: list[list[float | None]], cast: list[Person], *, descriptors: bool, tracker: Tracker | None = None
) -> list[list[int | None]]:
    """Return each person's track in each frame, None where they are hidden; the first stands in front of the others."""
    tracker = tracker or Tracker()
    numbers: list[list[int | None]] = [[] for _ in cast]
    for index, places in enumerate(zip(*paths, strict=True)):
        frame = np.full((SIDE + 8, 480, 3), 128, np.uint8)
        points = {}
        for who in reversed(range(len(cast))):
            place = places[who]
            if place is not None:
                picture, five = cast[who][index % len(cast[who])]
                frame[:SIDE, round(place) : round(place) + SIDE] = picture
                points[who] = five + np.array([round(place), 0])
        boxes = np.array([box_of(points[who]) for who in points]).reshape(-1, 4)
        given = [partial(describe_appearance, frame, points[who]) for who in points] if descriptors else None
        tracks = dict(zip(points, tracker.update(index, index / 25, boxes, np.ones(len(boxes)), given), strict=True))
        for who in range(len(cast)):
            numbers[who].append(tracks.get(who))
    return numbers


def test_a_look_is_of_length_one_and_most_like_itself(people: list[Person]) -> None:
    descriptors = [[describe_appearance(*one) for one in poses] for poses in people]
    for poses in descriptors:
        assert all(np.linalg.norm(descriptor) == pytest.approx(1, abs=1e-3) for descriptor in poses)
    same = [float(one @ other) for poses in descriptors for one in poses for other in poses]
    others = [float(one[0] @ other[0]) for one in descriptors for other in descriptors if one is not other]
    assert min(same) > max(0.85, max(others))
    # Most strangers are below what is asked of one who comes back.
    assert np.median(others) < MIN_REIDENTIFICATION_SIMILARITY


def test_a_look_hardly_changes_with_light_and_size(people: list[Person]) -> None:
    picture, points = people[0][0]
    dimmed = (picture * 0.85).astype(np.uint8)
    half = picture.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    assert describe_appearance(picture, points) @ describe_appearance(dimmed, points) > 0.75
    assert describe_appearance(picture, points) @ describe_appearance(half, (points - 0.5) / 2) > 0.95


PAIRS = [(0, 1), (2, 3), (4, 5), (1, 4)]


def test_two_who_meet_and_turn_back_keep_their_numbers(people: list[Person]) -> None:
    # For ten frames neither is found, and then each is where the other should have been.
    times = range(-12, 13)
    seen = [not -4 < time < 6 for time in times]
    paths = [
        [190.0 - 9 * abs(time) if shown else None for time, shown in zip(times, seen, strict=True)],
        [206.0 + 9 * abs(time) if shown else None for time, shown in zip(times, seen, strict=True)],
    ]
    ends = {
        descriptors: [
            [
                numbers[-1] == numbers[0]
                for numbers in walk(paths, [people[one], people[other]], descriptors=descriptors)
            ]
            for one, other in PAIRS
        ]
        for descriptors in (False, True)
    }
    assert ends[True] == [[True, True]] * len(PAIRS)
    assert ends[False].count([False, False]) >= len(PAIRS) - 1


@pytest.mark.parametrize(("hidden", "again"), [(20, True), (45, True), (60, False)])
def test_one_who_was_hidden_is_known_again_near_by_for_two_seconds(
    people: list[Person], hidden: int, again: bool
) -> None:
    path = [100.0] * 8 + [None] * hidden + [150.0] * 3
    (numbers,) = walk([path], [people[0]], descriptors=True)
    assert (numbers[-1] == numbers[0]) == again
    (by_place,) = walk([path], [people[0]], descriptors=False)
    assert by_place[-1] != by_place[0]


@pytest.mark.parametrize("pair", PAIRS)
def test_of_two_who_were_lost_the_one_who_comes_back_is_known(people: list[Person], pair: tuple[int, int]) -> None:
    paths: list[list[float | None]] = [[100.0] * 8, [200.0] * 8]
    for who in range(2):
        tracker = Tracker()
        numbers = walk(paths, [people[one] for one in pair], descriptors=True, tracker=tracker)
        picture, points = people[pair[who]][2]
        box = np.array([box_of(points + np.array([150, 0]))])
        assert tracker.update(30, 30 / 25, box, np.ones(1), [partial(describe_appearance, picture, points)]) == [
            numbers[who][0]
        ]


def test_another_who_comes_where_one_was_lost_is_another(people: list[Person]) -> None:
    tracker = Tracker()
    ((first, *_),) = walk([[100.0] * 8], [people[2]], descriptors=True, tracker=tracker)
    picture, points = people[3][0]
    box = np.array([box_of(points + np.array([100, 0]))])
    assert tracker.update(30, 30 / 25, box, np.ones(1), [partial(describe_appearance, picture, points)]) != [first]


def test_nobody_is_known_again_far_away_or_in_another_size(people: list[Person]) -> None:
    picture, points = people[0][0]
    descriptor = partial(describe_appearance, picture, points)
    for box, same in (([60, 0, 108, 60], True), ([400, 0, 448, 60], False), ([40, 0, 136, 120], False)):
        tracker = Tracker()
        tracker.update(0, 0.0, np.array([[0, 0, 48, 60]]), np.ones(1), [descriptor])
        assert (tracker.update(20, 0.8, np.array([box]), np.ones(1), [descriptor]) == [0]) == same


def test_nobody_is_known_again_after_a_cut(people: list[Person]) -> None:
    picture, points = people[0][0]
    descriptor = partial(describe_appearance, picture, points)
    tracker = Tracker()
    tracker.update(0, 0.0, np.array([[0, 0, 48, 60]]), np.ones(1), [descriptor])
    tracker.cut()
    assert tracker.update(1, 0.04, np.array([[0, 0, 48, 60]]), np.ones(1), [descriptor]) == [1]


def test_sourcesare_taken_now_and_then_only() -> None:
    taken = 0

    def descriptor() -> NDArray[np.float32]:
        nonlocal taken
        taken += 1
        return np.full(4, 0.5, np.float32)

    tracker = Tracker()
    for index in range(50):
        tracker.update(index, index / 25, np.array([[0, 0, 48, 60]]), np.ones(1), [descriptor])
    # Once when it came, and then five times a second.
    assert taken <= 11


def test_colours_are_those_of_cie_lab() -> None:
    """OpenCV's are rounded to steps of a table."""
    rgb = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    expected = cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    assert np.abs(appearance._lab(rgb) - expected).max() < 0.4
    np.testing.assert_allclose(appearance._lab(np.full((1, 1, 3), 255, np.uint8)), [[[100, 0, 0]]], atol=1e-3)


def test_who_takes_somebody_else_s_place_in_a_changed_picture_is_another(people: list[Person]) -> None:
    def numbers(*cast: Person, changed: bool = True) -> tuple[list[int], list[bool]]:
        tracker, found, replaced = Tracker(), [], []
        for index, (picture, points) in enumerate(moment for one in cast for moment in one[:3]):
            at_once = changed and index % 3 == 0
            box = np.array([box_of(points)])
            descriptor = [partial(describe_appearance, picture, points)]
            found += tracker.update(index, index / 25, box, np.ones(1), descriptor, changed=at_once)
            replaced.append(tracker.replaced)
        return found, replaced

    first, second = people[0], people[1]
    assert numbers(first, second, first) == (
        [0, 0, 0, 1, 1, 1, 2, 2, 2],
        [False, False, False, *[True, False, False] * 2],
    )
    # Who is there before and after has kept the place, whatever happened around them.
    assert numbers(first, first) == ([0] * 6, [False] * 6)
    assert numbers(first, second, changed=False)[0] == [0] * 6


def test_a_changed_picture_ends_only_the_track_of_who_is_gone(people: list[Person]) -> None:
    tracker = Tracker()
    for index, cast in enumerate([(0, 1), (0, 1), (0, 2)]):
        frame = np.concatenate([people[who][0][0] for who in cast], axis=1)
        points = [people[who][0][1] + np.array([SIDE * place, 0]) for place, who in enumerate(cast)]
        boxes, sources = (
            np.array([box_of(five) for five in points]),
            [partial(describe_appearance, frame, five) for five in points],
        )
        found = tracker.update(index, index / 25, boxes, np.ones(2), sources, changed=index == 2)
    assert found == [0, 2]
    assert not tracker.replaced
