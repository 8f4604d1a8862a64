"""Frames held back until their faces are complete: smoothed, and those that the detector missed put between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from fertools.core.hashing import hash_bytes
from fertools.faces.smoothing import smooth
from fertools.ingestion.temporal_buffer import LONGEST_GAP_S, Face, FrameFaces, TemporalBuffer
from fertools.sources.videos import Frame

FIVE = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], np.float32)


def face(frame: int, track: int = 0, x: float = 0.0, score: float = 0.99) -> Face:
    box = np.array([x, 0, x + 40, 40], np.float32)
    return Face(
        hash_bytes(b"source", f"{frame}:{track}".encode()), box, track, score, FIVE + np.array([x, 0], np.float32)
    )


def seen(frame: int, faces: Sequence[Face], *, pts_s: float | None = None, side: int = 8) -> FrameFaces:
    return FrameFaces(
        Frame(frame, frame / 25 if pts_s is None else pts_s, np.zeros((side, side, 3), np.uint8)), 0, tuple(faces)
    )


def run(frames: Sequence[FrameFaces], half_width_s: float = 0.2) -> list[FrameFaces]:
    def all_of_them() -> Iterator[FrameFaces]:
        buffer = TemporalBuffer(half_width_s)
        for one in frames:
            yield from buffer.push(one)
        yield from buffer.flush()

    return list(all_of_them())


def walk(present: str, *, step: float = 3.0, score: float = 0.99) -> list[FrameFaces]:
    """Return frames of one face that moves right and is seen where `present` has an `x`."""
    return [
        seen(number, [face(number, x=step * number, score=score)] if mark == "x" else [])
        for number, mark in enumerate(present)
    ]


def bridged(frames: Sequence[FrameFaces]) -> str:
    return "".join(
        "~" if any(one.interpolated for one in frame.faces) else "x" if frame.faces else "." for frame in frames
    )


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ("xxxxx", "xxxxx"),
        ("x.x", "x~x"),
        ("xx....xx", "xx~~~~xx"),
        # A fifth of a second is four frames between at 25 a second.
        ("xx.....xx", "xx.....xx"),
        ("..x.x..", "..x~x.."),
        ("x.x.x", "x~x~x"),
        ("", ""),
        ("....", "...."),
    ],
)
def test_short_gaps_are_bridged(present: str, expected: str) -> None:
    frames = run(walk(present))
    assert bridged(frames) == expected
    assert [frame.frame.index for frame in frames] == list(range(len(present)))


def test_a_bridged_face_lies_evenly_in_time_and_claims_nothing_else() -> None:
    times_s = [0.0, 0.03, 0.1, 0.13]
    frames = [seen(n, [face(n, x=100 * t)] if n in (0, 1, 3) else [], pts_s=t) for n, t in enumerate(times_s)]
    between = run(frames)[2].faces[0]
    assert between.interpolated
    assert (between.track, between.score, between.points) == (0, None, None)
    np.testing.assert_allclose(between.box, [10, 0, 50, 40], atol=1e-4)
    assert between.smoothed is not None
    np.testing.assert_allclose(between.smoothed, FIVE + np.array([10, 0], np.float32), atol=1e-3)


def test_names_of_bridged_faces_are_their_own_and_change_no_other() -> None:
    frames = walk("xx..x.x")
    names = [[one.face_id for one in frame.faces] for frame in run(frames)]
    flat = [name for one in names for name in one]
    assert len(set(flat)) == len(flat) == 7
    for before, after in zip(frames, names, strict=True):
        assert [one.face_id for one in before.faces] in (after, [])
    assert names == [[one.face_id for one in frame.faces] for frame in run(frames, 0.0)]


def test_nothing_is_bridged_over_a_cut() -> None:
    buffer = TemporalBuffer(0.2)
    first, second = walk("xx.")[:3], [seen(3, [face(3)])]
    out = [one for frame in first for one in buffer.push(frame)]
    out += buffer.flush()
    out += [one for frame in second for one in buffer.push(frame)]
    out += buffer.flush()
    assert bridged(out) == "xx.x"
    # And nothing is smoothed over it: what came alone stays as it is.
    np.testing.assert_array_equal(out[3].faces[0].smoothed, second[0].faces[0].points)


def test_a_place_that_another_face_takes_is_left_to_it() -> None:
    frames = walk("xxxx", step=0)
    frames[1] = seen(1, [face(1, track=1, x=20)])
    frames[2] = seen(2, [face(2, track=1, x=35)])
    assert [sorted((one.track, one.interpolated) for one in frame.faces) for frame in run(frames)] == [
        [(0, False)],
        [(1, False)],
        [(0, True), (1, False)],
        [(0, False)],
    ]


def test_a_false_alarm_that_comes_and_goes_is_not_drawn_out() -> None:
    assert bridged(run(walk("x.x", score=0.8))) == "x.x"
    frames = walk("x.x", score=0.8)
    frames[2] = seen(2, [face(2, score=0.9)])
    assert bridged(run(frames)) == "x~x"


def test_landmarks_are_smoothed_over_both_sides_and_kept_beside() -> None:
    rng = np.random.default_rng(0)
    frames = [
        seen(
            n,
            [
                Face(
                    f"{n}",
                    np.array([0, 0, 9, 9], np.float32),
                    0,
                    0.9,
                    FIVE + rng.normal(0, 1, (5, 2)).astype(np.float32),
                )
            ],
        )
        for n in range(25)
    ]
    points = np.array([frame.faces[0].points for frame in frames])
    times_s = np.array([frame.time_s for frame in frames])
    for frame, before in zip(run(frames), frames, strict=True):
        (one,) = frame.faces
        np.testing.assert_array_equal(one.points, before.faces[0].points)
        expected = smooth(times_s, points, frame.time_s, 0.2).astype(np.float32)
        np.testing.assert_array_equal(one.smoothed, expected)
        np.testing.assert_array_equal(one.best_points, expected)
    assert all(frame.faces[0].smoothed is None for frame in run(frames, 0.0))


def test_tracks_are_smoothed_apart() -> None:
    alone = walk("x" * 12)
    both = [seen(n, [*frame.faces, face(n, track=1, x=500 - n * n)]) for n, frame in enumerate(alone)]
    for one, two in zip(run(alone), run(both), strict=True):
        np.testing.assert_array_equal(one.faces[0].smoothed, two.faces[0].smoothed)


def held(frames: Sequence[FrameFaces], half_width_s: float = 0.2) -> list[int]:
    """Return how many frames wait after each."""
    buffer, given, waiting = TemporalBuffer(half_width_s), 0, []
    for number, one in enumerate(frames, start=1):
        given += len(list(buffer.push(one)))
        waiting.append(number - given)
    return waiting


def test_frames_wait_no_longer_than_they_need() -> None:
    assert max(held(walk("x" * 60))) == round(0.2 * 25)
    assert max(held(walk("x" * 60), 0.0)) == 0
    assert held(walk("." * 60)) == [0] * 60
    # One that was just missed is waited for, and then the frames that its return is smoothed over.
    assert max(held(walk("x" * 9 + "...." + "x" * 20))) == round((LONGEST_GAP_S + 0.2) * 25) - 1
    assert max(held(walk("x" * 9 + "." * 30), 0.0)) == round(LONGEST_GAP_S * 25) - 1
    assert held(walk("x" * 9 + "." * 30))[-1] == 0


@pytest.mark.parametrize(("side", "most"), [(2900, 7), (5000, 4), (100, 64)])
def test_large_and_many_frames_are_bounded_in_number(side: int, most: int) -> None:
    picture = np.zeros((1, 1, 3), np.uint8)
    frames = [
        FrameFaces(Frame(n, n / 500, np.broadcast_to(picture, (side, side, 3))), 0, (face(n),) if n % 90 < 60 else ())
        for n in range(300)
    ]
    assert max(held(frames)) == most
    out = run(frames)
    assert [frame.frame.index for frame in out] == list(range(300))
    assert all(one.smoothed is not None for frame in out for one in frame.faces)


def test_without_times_frames_count_as_a_25th_of_a_second() -> None:
    timed = walk("xx.xx" * 4)
    untimed = [FrameFaces(Frame(one.frame.index, None, one.frame.rgb), 0, one.faces) for one in timed]
    for one, other in zip(run(timed), run(untimed), strict=True):
        assert [face.face_id for face in one.faces] == [face.face_id for face in other.faces]
        np.testing.assert_array_equal(one.faces[0].smoothed, other.faces[0].smoothed)
