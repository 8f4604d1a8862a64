"""Who the faces of a video are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fertools.faces.quality import STANDARDS
from fertools.ingestion.plan import Source
from fertools.ingestion.subjects import find_transient, find_weak, name_subjects

ID = "0123456789abcdef" * 2


def _named(faces: str, subject: str | None, *, lasting: bool = True) -> list[str | None]:
    """Name faces written as `frame:track`, with `-` before the rejected and `~` before the interpolated ones.

    A `|` begins another shot.
    """
    source = Source(ID, Path("a.mp4"), "a.mp4", "video", None, subject, "folder" if subject else None, None, None)
    words = faces.replace("|", " ").split()
    shots = np.array([shot for shot, part in enumerate(faces.split("|")) for _ in part.split()], np.int64)
    numbers = np.array([word.lstrip("-~").split(":") for word in words], np.int64).reshape(-1, 2)
    kept = np.array(["-" not in word for word in words], np.bool_)
    interpolated = np.array(["~" in word for word in words], np.bool_)
    if lasting:
        kept &= ~find_transient(numbers[:, 0], numbers[:, 1], kept, interpolated)
    subjects, origin = name_subjects(source, numbers[:, 0], shots, numbers[:, 1], kept, interpolated)
    for name in filter(None, subjects):
        assert origin == ("folder" if name == subject else "video")
    # Every kept face has a subject, so that a split can place it.
    assert all(name for name, one in zip(subjects, kept, strict=True) if one)
    return subjects


VIDEO, T0, T1, T2 = f"v{ID[:12]}", f"v{ID[:12]}-t0", f"v{ID[:12]}-t1", f"v{ID[:12]}-t2"


@pytest.mark.parametrize(
    ("faces", "subject", "expected"),
    [
        ("0:0 1:0 2:0", None, [VIDEO] * 3),
        ("0:0 1:0 2:0", "p03", ["p03"] * 3),
        # One face lost and found again is one person.
        ("0:0 9:1", None, [VIDEO] * 2),
        # Another shot may show somebody else, unless a folder says who it is; a false alarm there does not count.
        ("0:0 1:0 | 2:1 3:1", None, [T0, T0, T1, T1]),
        ("0:0 1:0 | 2:1 3:1", "p03", ["p03"] * 4),
        ("0:0 1:0 | -2:1", None, [VIDEO] * 3),
        # Side by side they are two, whatever the folder says.
        ("0:0 0:1 1:0 1:1", "p03", [T0, T1] * 2),
        ("0:0 0:1 1:0 1:1 5:2", None, [T0, T1, T0, T1, T2]),
        # Two in the only frame there is.
        ("0:0 0:1", None, [T0, T1]),
        # A rejected detection beside a face is most often a false alarm; alone it is the person, badly seen.
        ("0:0 -0:1 1:0", "p03", ["p03", None, "p03"]),
        ("0:0 -1:0 2:0", None, [VIDEO] * 3),
        ("-0:0 -0:1", None, [None, None]),
        # So is a track of one frame beside a lasting one: it must not take the person's name away.
        ("0:0 1:0 1:7 2:0", "p03", ["p03", "p03", None, "p03"]),
        ("0:0 1:0 1:7 2:0 3:8", "p03", ["p03", "p03", None, "p03", "p03"]),
        ("", "p03", []),
    ],
)
def test_subjects(faces: str, subject: str | None, expected: list[str | None]) -> None:
    assert _named(faces, subject) == expected


def test_a_face_of_one_frame_beside_a_lasting_one_is_passing() -> None:
    frames, tracks = np.array([0, 1, 1, 2]), np.array([0, 0, 7, 0])
    kept, nothing = np.ones(4, np.bool_), np.zeros(4, np.bool_)
    assert find_transient(frames, tracks, kept, nothing).tolist() == [False, False, True, False]
    # Being put between two others is no second sight of it.
    assert find_transient(frames[:3], tracks[:3], kept[:3], np.array([False, True, False])).tolist() == [False] * 3


@pytest.mark.parametrize(
    ("scores", "weak"),
    [
        ([0.93], True),
        ([0.91, 0.95, 0.93, 0.9], True),
        ([0.91, 0.995, 0.93, 0.9], False),
        ([0.93] * 11, True),
        ([0.93] * 12, False),
        # No detector saw the faces of crops.
        ([float("nan")], False),
    ],
)
def test_a_short_track_that_is_never_surely_a_face_is_nobody(scores: list[float], weak: bool) -> None:
    count = len(scores)
    tracks, given = np.array([0] * count + [1]), np.array([*scores, 0.999], np.float32)
    kept, nothing = np.ones(count + 1, np.bool_), np.zeros(count + 1, np.bool_)
    found = find_weak(tracks, given, kept, nothing, STANDARDS["standard"])
    assert found.tolist() == [weak] * count + [False]
    assert not find_weak(tracks, given, kept, nothing, STANDARDS["keep-all"]).any()


def test_a_rejected_or_interpolated_face_is_no_evidence() -> None:
    tracks, scores = np.zeros(13, np.int64), np.full(13, 0.93, np.float32)
    kept, interpolated = np.ones(13, np.bool_), np.zeros(13, np.bool_)
    kept[0], interpolated[1], scores[:2] = False, True, (0.999, np.nan)
    assert find_weak(tracks, scores, kept, interpolated, STANDARDS["standard"]).tolist() == [False, *[True] * 12]


def test_where_all_is_kept_a_face_of_a_single_frame_is_a_subject_too() -> None:
    assert _named("0:0 1:0 1:1", None) == [VIDEO, VIDEO, None]
    assert _named("0:0 1:0 1:1", None, lasting=False) == [T0, T0, T1]


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ("0:0 -~1:0 2:0", ["p03"] * 3),
        ("0:0 ~1:0 2:0", ["p03"] * 3),
        # It is no company to what was detected beside it, kept or not.
        ("0:0 -~1:0 -1:1 2:0", ["p03", "p03", "p03", "p03"]),
        ("0:0 ~1:0 1:1 2:1 3:0", ["p03"] * 5),
        # It is who its track is, and nobody where that is unknown.
        ("0:0 0:1 -~1:0 1:1 2:0 2:1", [T0, T1, T0, T1, T0, T1]),
        ("0:0 -0:1 1:0 -~1:1 2:0 -2:1", ["p03", None, "p03", None, "p03", None]),
    ],
)
def test_an_interpolated_face_is_who_its_track_is(faces: str, expected: list[str | None]) -> None:
    assert _named(faces, "p03") == expected
