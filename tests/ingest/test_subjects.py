"""Who the faces of a video are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fertools.ingest.extract import name_subjects
from fertools.ingest.plan import Source

ID = "0123456789abcdef" * 2


def _named(faces: str, subject: str | None) -> list[str | None]:
    """Name faces written as `frame:track`, with `-` before those that are rejected; return their subjects."""
    source = Source(ID, Path("a.mp4"), "a.mp4", "video", None, subject, "folder" if subject else None, None, None)
    rows: list[dict[str, Any]] = []
    for word in faces.split():
        frame, track = word.removeprefix("-").split(":")
        status = "rejected" if word.startswith("-") else "kept"
        rows.append({"frame_index": int(frame), "track_id": int(track), "status": status})
    name_subjects(source, rows)
    assert all((row.get("subject_id") is None) == (row.get("subject_origin") is None) for row in rows)
    # Every kept face has a subject, so that a split can place it.
    assert all(row.get("subject_id") for row in rows if row["status"] == "kept")
    return [row.get("subject_id") for row in rows]


VIDEO, T0, T1, T2 = f"v{ID[:12]}", f"v{ID[:12]}-t0", f"v{ID[:12]}-t1", f"v{ID[:12]}-t2"


@pytest.mark.parametrize(
    ("faces", "subject", "expected"),
    [
        ("0:0 1:0 2:0", None, [VIDEO] * 3),
        ("0:0 1:0 2:0", "p03", ["p03"] * 3),
        # One face lost and found again is one person.
        ("0:0 9:1", None, [VIDEO] * 2),
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


def test_a_face_of_one_frame_beside_a_lasting_one_is_rejected_with_its_reason() -> None:
    source = Source(ID, Path("a.mp4"), "a.mp4", "video", None, None, None, None, None)
    rows: list[dict[str, Any]] = [
        {"frame_index": frame, "track_id": track, "status": "kept", "reason": None}
        for frame, track in ((0, 0), (1, 0), (1, 7), (2, 0))
    ]
    name_subjects(source, rows)
    assert [row["reason"] for row in rows] == [None, None, "single_frame", None]
    assert [row["status"] for row in rows] == ["kept", "kept", "rejected", "kept"]


def test_where_all_is_kept_a_face_of_a_single_frame_is_a_subject_too() -> None:
    source = Source(ID, Path("a.mp4"), "a.mp4", "video", None, None, None, None, None)
    outcomes = []
    for lasting in (True, False):
        rows: list[dict[str, Any]] = [
            {"frame_index": frame, "track_id": track, "status": "kept"} for frame, track in ((0, 0), (1, 0), (1, 1))
        ]
        name_subjects(source, rows, lasting=lasting)
        outcomes.append([(row["status"], row.get("subject_id")) for row in rows])
    assert outcomes[0] == [("kept", VIDEO), ("kept", VIDEO), ("rejected", None)]
    assert outcomes[1] == [("kept", T0), ("kept", T0), ("kept", T1)]
