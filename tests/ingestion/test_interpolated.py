"""Faces that the detector misses for a moment: rows of their own, cut from their own frames, claiming nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.faces.alignment import similarity, warp
from fertools.faces.detection.detections import Detections, no_detections
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.ingestion.ingest import IngestSummary, ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.manifests.validation import validate
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face

OPTIONS = IngestOptions(
    workers=1, crop_px=64, min_face=24, exhaustive=True, crop_format="png", more_templates=("arcface",)
)
MARK = (255, 0, 255)
MISSED = (3, 4, 7)
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def frames(portrait: Picture) -> list[Picture]:
    """Frames of a face that moves, of which those to be missed are marked in a corner."""
    pictures = moving_face(portrait, 10, step_px=3)
    for index in MISSED:
        pictures[index] = pictures[index].copy()
        pictures[index][:4, :4] = MARK
    return pictures


@pytest.fixture(scope="module")
def clip(frames: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("given") / "p03" / "joyful" / "a.mkv", frames, codec="ffv1")


@pytest.fixture(autouse=True)
def _blink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the detector find nothing in marked frames."""
    real = MtcnnDetector.detect

    def detect(self: MtcnnDetector, pictures: Sequence[Picture]) -> list[Detections]:
        found = real(self, pictures)
        return [
            no_detections() if (picture[0, 0] == MARK).all() else one
            for picture, one in zip(pictures, found, strict=True)
        ]

    monkeypatch.setattr(MtcnnDetector, "detect", detect)


def _ingested(clip: Path, folder: Path, **changed: Any) -> tuple[Workspace, IngestSummary, dict[int, dict[str, Any]]]:
    workspace = Workspace(folder)
    summary = ingest([clip.parents[2]], workspace, replace(OPTIONS, **changed))
    rows = {row["frame_index"]: row for row in store.read_faces(workspace).to_pylist()}
    assert validate(workspace, deep=True).ok
    return workspace, summary, rows


def test_missed_faces_are_rows_that_say_so(clip: Path, tmp_path: Path) -> None:
    workspace, summary, rows = _ingested(clip, tmp_path)
    assert sorted(rows) == list(range(10))
    assert [index for index, row in sorted(rows.items()) if row["interpolated"]] == list(MISSED)
    for index in MISSED:
        assert (rows[index]["det_score"], rows[index]["landmarks"]) == (None, None)
        assert (rows[index]["status"], rows[index]["reason"]) == ("rejected", "interpolated")
        assert (rows[index]["subject_id"], rows[index]["emotion"]) == ("p03", "happiness")
    assert {row["track_id"] for row in rows.values()} == {0}
    assert (summary.detected, summary.interpolated, summary.faces_kept) == (7, 3, 7)
    assert summary.faces_rejected == {"interpolated": 3}
    (source,) = store.read_sources(workspace).to_pylist()
    assert [source[f"faces_{name}"] for name in ("kept", "rejected", "interpolated")] == [7, 3, 3]


def test_each_is_cut_from_its_own_frame_where_the_face_is(clip: Path, frames: list[Picture], tmp_path: Path) -> None:
    workspace, _, rows = _ingested(clip, tmp_path)
    for index, row in rows.items():
        points = np.array(row["landmarks_smoothed"], np.float32)
        np.testing.assert_array_equal(row["matrix"], similarity(points, "loose", 64))
        crop = cv2.imread(str(workspace.root / row["path"]))
        assert crop is not None
        np.testing.assert_array_equal(crop[..., ::-1], warp(frames[index], np.array(row["matrix"]), 64))
    # The face moves by 3 pixels a frame; a copy of a neighbour would lie that far off.
    eyes = np.array([np.mean(rows[index]["landmarks_smoothed"][:2], axis=0) for index in range(10)])
    np.testing.assert_allclose(np.diff(eyes[:, 0]), 3, atol=0.7)
    assert len({(workspace.root / row["path"]).read_bytes() for row in rows.values()}) == 10


def test_other_crops_of_them_are_made_later_too(clip: Path, tmp_path: Path) -> None:
    at_once, _, rows = _ingested(clip, tmp_path / "at-once")
    later, _, _ = _ingested(clip, tmp_path / "later", more_templates=())
    summary = recrop(later, RecropOptions("arcface", 64, "png"))
    assert (summary.written, summary.unplaced, summary.lost) == (10, 0, 0)
    for row in rows.values():
        path = later.other_crop_path(row["face_id"], "arcface", 64, ".png")
        assert (later.root / path).read_bytes() == (at_once.root / path).read_bytes()


def test_detected_faces_are_the_same_with_and_without_them(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, with_them = _ingested(clip, tmp_path / "with")
    monkeypatch.setattr("fertools.ingestion.temporal_buffer.LONGEST_GAP_S", 0.0)
    _, summary, without = _ingested(clip, tmp_path / "without")
    assert summary.interpolated == 0
    assert without == {index: row for index, row in with_them.items() if index not in MISSED}


@pytest.mark.parametrize(("quality", "kept"), [("keep-all", 10), ("standard", 7), ("strict", None)])
def test_presets_say_whether_they_are_kept(clip: Path, tmp_path: Path, quality: str, kept: int | None) -> None:
    _, summary, rows = _ingested(clip, tmp_path, quality=quality)
    assert kept is None or summary.faces_kept == kept
    reasons = Counter(rows[index]["reason"] for index in MISSED)
    assert reasons == {None if quality == "keep-all" else "interpolated": 3}
    assert all(row["subject_id"] == "p03" for row in rows.values() if row["status"] == "kept")


def test_without_smoothing_the_landmarks_of_the_detector_align(clip: Path, tmp_path: Path) -> None:
    _, _, rows = _ingested(clip, tmp_path, smoothing_s=0.0)
    for index, row in rows.items():
        assert (row["landmarks_smoothed"] is not None) == (index in MISSED)
        points = row["landmarks_smoothed"] or row["landmarks"]
        np.testing.assert_array_equal(row["matrix"], similarity(np.array(points, np.float32), "loose", 64))
    middle = np.mean([rows[6]["landmarks"], rows[8]["landmarks"]], axis=0)
    np.testing.assert_allclose(rows[7]["landmarks_smoothed"], middle, atol=1e-3)


def test_every_second_frame_is_too_sparse_to_be_bridged_over_three(clip: Path, tmp_path: Path) -> None:
    _, summary, rows = _ingested(clip, tmp_path, every=4)
    assert sorted(rows) == [0, 8]
    assert summary.interpolated == 0
