"""Sources that are face crops already: one face per picture and frame, without a detector."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.faces.alignment import align
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.manifests.validation import validate
from fertools.samples.dataset import draw_dataset
from fertools.samples.sample_options import SampleOptions
from fertools.sources.points import read_points
from tests.conftest import write_clip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_dataset(folder, SampleOptions(people=2, frames=3, size_px=96))
    return folder


@pytest.fixture(autouse=True)
def _no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a detector looked at a face crop")

    monkeypatch.setattr(MtcnnDetector, "detect", refuse)


@pytest.mark.parametrize("kind", ["thermal", "animated"])
def test_every_drawn_still_is_one_face_of_its_person(drawn: Path, tmp_path: Path, kind: str) -> None:
    workspace = Workspace(tmp_path)
    options = IngestOptions(workers=1, crop_px=48, crops=True, modality=kind)
    summary = ingest([drawn / "stills" / kind], workspace, options)
    rows = store.read_faces(workspace).to_pylist()
    stills = len(list((drawn / "stills" / kind).rglob("*.png")))
    assert stills > 20
    assert (len(rows), summary.sources, summary.subjects) == (stills, {"done": stills}, 2)
    assert summary.emotions.keys() == {"anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"}
    for row in rows:
        assert (row["box"], row["template"], row["status"]) == ([0, 0, 96, 96], "centre", "kept")
        assert [row[name] for name in ("landmarks", "det_score", "yaw_deg", "pitch_deg", "roll_deg")] == [None] * 5
        assert (row["face_px"], row["subject_origin"]) == (96, "folder")
        assert row["blur"] > 0
    assert validate(workspace, deep=True).violations == ()


def test_the_square_is_centred_where_it_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 64, 3), dtype=np.uint8)
    (tmp_path / "given").mkdir()
    cv2.imwrite(str(tmp_path / "given" / "a.png"), picture)
    for centre, left in ((None, 12), ((1.0, 0.5), 24)):
        workspace = Workspace(tmp_path / f"at-{left}")
        options = IngestOptions(workers=1, crop_px=40, crop_format="png", crops=True, centre=centre)
        ingest([tmp_path / "given"], workspace, options)
        (row,) = store.read_faces(workspace).to_pylist()
        assert row["box"] == [left, 0, left + 40, 40]
        crop = cv2.imread(str(workspace.root / row["path"]))
        assert crop is not None
        np.testing.assert_array_equal(crop, picture[:, left : left + 40])


def test_given_landmarks_align(drawn: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    table = drawn / "truth.csv"
    options = IngestOptions(
        workers=1, crop_px=48, crop_format="png", crops=True, modality="thermal", template="arcface", landmarks=table
    )
    ingest([drawn / "stills" / "thermal" / "lab" / "p01"], workspace, options)
    points = read_points(table)
    files = {row["source_id"]: Path(workspace.root / row["path"]) for row in store.read_sources(workspace).to_pylist()}
    rows = store.read_faces(workspace).to_pylist()
    assert len(rows) == 14
    for row in rows:
        given = points.of(files[row["source_id"]], 0)
        picture = cv2.imread(str(files[row["source_id"]]))
        assert given is not None
        assert picture is not None
        expected, matrix = align(np.asarray(picture[..., ::-1], np.uint8), given, "arcface", 48)
        crop = cv2.imread(str(workspace.root / row["path"]))
        assert crop is not None
        np.testing.assert_array_equal(crop[..., ::-1], expected)
        np.testing.assert_array_equal(row["matrix"], matrix)
        np.testing.assert_array_equal(row["landmarks"], given)
        assert (row["template"], row["det_score"]) == ("arcface", None)
        assert abs(row["roll_deg"]) < 15


def test_each_frame_of_a_video_is_one_face_of_one_subject(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    looks = [rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(5)]
    frames = [np.asarray(cv2.resize(look, (48, 64), interpolation=cv2.INTER_NEAREST), np.uint8) for look in looks]
    write_clip(tmp_path / "given" / "p03" / "fear" / "a.mkv", frames, codec="ffv1")
    workspace = Workspace(tmp_path / "workspace")
    ingest([tmp_path / "given"], workspace, IngestOptions(workers=1, crop_px=32, crops=True, every=2))
    rows = sorted(store.read_faces(workspace).to_pylist(), key=lambda row: row["frame_index"])
    assert [row["frame_index"] for row in rows] == [0, 2, 4]
    assert {(row["subject_id"], row["emotion"], tuple(row["box"])) for row in rows} == {
        ("p03", "fear", (0.0, 8.0, 48.0, 56.0))
    }
    assert all(row["track_id"] == row["shot_id"] is not None for row in rows)


def test_another_table_of_landmarks_is_refused_and_one_that_fits_nothing_too(drawn: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    given = drawn / "stills" / "thermal" / "lab" / "p01" / "anger"
    table = drawn / "truth.csv"
    ingest([given], workspace, IngestOptions(workers=1, crop_px=48, crops=True, landmarks=table))
    elsewhere = tmp_path / "truth.csv"
    elsewhere.write_text(table.read_text())
    with pytest.raises(InputError, match="none of the given files"):
        ingest([given], workspace, IngestOptions(workers=1, crop_px=48, crops=True, landmarks=elsewhere))
    with pytest.raises(ResumeRefused, match="landmarks"):
        ingest([given], workspace, IngestOptions(workers=1, crop_px=48, crops=True))
