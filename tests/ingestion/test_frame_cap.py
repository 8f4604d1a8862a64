"""`--max-faces`: which faces are too many, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.frame_cap import find_over_cap
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from tests.conftest import write_clip
from tests.faces.scenes import scene

FACES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([20.0, 40.0, 40.5, 90.0]), st.sampled_from([True, True, False])),
    max_size=20,
)
Faces = list[tuple[int, float, bool]]


def _surplus(faces: Faces, most: int | None) -> list[bool]:
    frames, sizes_px, kept = (np.array([face[place] for face in faces]) for place in range(3))
    found = find_over_cap(frames.astype(np.int64), sizes_px.astype(np.float64), kept.astype(np.bool_), most)
    return [bool(one) for one in found]


@given(FACES, st.integers(1, 4))
def test_what_is_too_many_has_enough_larger_faces_beside_it(faces: Faces, most: int) -> None:
    expected = []
    for place, (frame, size_px, kept) in enumerate(faces):
        larger = [
            other
            for number, other in enumerate(faces)
            if other[0] == frame and other[2] and (-other[1], number) < (-size_px, place)
        ]
        expected.append(kept and len(larger) >= most)
    assert _surplus(faces, most) == expected


@given(FACES)
def test_without_a_bound_none_is_too_many(faces: Faces) -> None:
    assert not any(_surplus(faces, None))


OPTIONS = IngestOptions(workers=1, crop_px=64, min_face=32)


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
    workspace = Workspace(tmp_path / "workspace")
    summary = ingest([crowd], workspace, replace(OPTIONS, max_faces=most))
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
        ingest([crowd], workspace, replace(OPTIONS, max_faces=4))
