"""`--max-faces`: which faces are too many, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingest.options import IngestOptions
from fertools.ingest.run import ingest
from fertools.ingest.surplus import reject_surplus
from fertools.manifests import store
from tests.conftest import write_clip
from tests.faces.scenes import scene

rows = st.lists(
    st.fixed_dictionaries(
        {
            "frame_index": st.integers(0, 3),
            "face_px": st.sampled_from([20.0, 40.0, 40.5, 90.0]),
            "status": st.sampled_from(["kept", "kept", "rejected"]),
            "reason": st.just(None),
        }
    ),
    max_size=20,
)


@given(rows, st.integers(1, 4))
def test_what_is_too_many_has_enough_larger_faces_beside_it(faces: list[dict[str, Any]], most: int) -> None:
    expected = []
    for place, face in enumerate(faces):
        larger = [
            other
            for number, other in enumerate(faces)
            if other["frame_index"] == face["frame_index"]
            and other["status"] == "kept"
            and (-other["face_px"], number) < (-face["face_px"], place)
        ]
        beyond = face["status"] == "kept" and len(larger) >= most
        expected.append(face | ({"status": "rejected", "reason": "max_faces"} if beyond else {}))
    reject_surplus(faces, most)
    assert faces == expected


@given(rows)
def test_without_a_bound_none_is_too_many(faces: list[dict[str, Any]]) -> None:
    before = [dict(face) for face in faces]
    reject_surplus(faces, None)
    assert faces == before


OPTIONS = IngestOptions(workers=1, crop_px=64, min_face="40")


@pytest.fixture
def crowd(tmp_path: Path, portrait: NDArray[np.uint8]) -> Path:
    """A picture and a video of p07 with three faces, the largest in the middle."""
    picture = scene(portrait, 260, 640, [(220, -20, 20), (256, 190, 0), (200, 440, 30)])
    folder = tmp_path / "given" / "p07"
    write_clip(folder / "happy" / "a.mp4", [picture] * 3)
    cv2.imwrite(str(folder / "b.png"), picture[..., ::-1])
    return folder.parent


@pytest.mark.parametrize(("most", "kept"), [(None, 3), (2, 2), (1, 1), (5, 3)])
def test_the_largest_stay_and_the_rest_is_accounted_for(
    crowd: Path, tmp_path: Path, most: int | None, kept: int
) -> None:
    workspace = Workspace.at(tmp_path / "workspace")
    summary = ingest(workspace, [crowd], replace(OPTIONS, max_faces=most))
    faces = store.read_faces(workspace).to_pylist()
    assert len(faces) == summary.detected == 12
    assert summary.faces_kept == 4 * kept
    assert summary.faces_rejected == ({"max_faces": 4 * (3 - kept)} if kept < 3 else {})
    for place in {(face["source_id"], face["frame_index"]) for face in faces}:
        here = [face for face in faces if (face["source_id"], face["frame_index"]) == place]
        largest = sorted(here, key=lambda face: face["face_px"], reverse=True)[:kept]
        assert {face["face_id"] for face in here if face["status"] == "kept"} == {face["face_id"] for face in largest}
        assert {face["reason"] for face in here if face not in largest} <= {"max_faces"}
    # Without company the one face is the person that the folder names, and the others are not.
    subjects = Counter(face["subject_id"] for face in faces if face["status"] == ("kept" if most == 1 else "rejected"))
    assert subjects == ({"p07": 4} if most == 1 else {None: 4 * (3 - kept)} if kept < 3 else {})
    assert all(face["subject_id"] is None for face in faces if face["reason"] == "max_faces")
    assert all((workspace.root / face["path"]).is_file() for face in faces)
    with pytest.raises(ResumeRefused, match=f"max_faces {most or 'unset'}, not 4"):
        ingest(workspace, [crowd], replace(OPTIONS, max_faces=4))
