"""`--thresholds`, `--factor` and `--weights` reach the detector, are recorded, and may not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.faces.detection import registry
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.detection.mtcnn.weights import load_weights, save_weights
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from tests.faces.scenes import scene

ENGINE = MtcnnDetector().identity.engine
OPTIONS = IngestOptions(workers=1, crop_px=64, min_face=24, quality="keep-all")


@pytest.fixture
def picture(portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return scene(portrait, 240, 480, [(256, -20, 0), (180, 260, 30)])


@pytest.fixture
def given(tmp_path: Path, picture: NDArray[np.uint8]) -> Path:
    path = tmp_path / "given" / "a.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


@pytest.fixture
def other_weights(tmp_path: Path) -> Path:
    """The published numbers with O-Net placing every point a tenth of the box further down."""
    weights = load_weights()
    onet = {key: value.copy() for key, value in weights.onet.items()}
    onet["dense6_3.bias"][5:] += 0.1
    save_weights(tmp_path / "other.npz", replace(weights, onet=onet))
    return tmp_path / "other.npz"


def _found(workspace: Workspace) -> list[tuple[list[float], list[list[float]]]]:
    rows = store.read_faces(workspace).to_pylist()
    return sorted((row["box"], row["landmarks"]) for row in rows)


@pytest.mark.parametrize("name", ["thresholds", "factor", "weights"])
def test_each_reaches_the_detector(
    given: Path, picture: NDArray[np.uint8], other_weights: Path, tmp_path: Path, name: str
) -> None:
    options, detector = {
        "thresholds": (replace(OPTIONS, thresholds=(0.1, 0.3, 0.3)), MtcnnDetector(24, thresholds=(0.1, 0.3, 0.3))),
        "factor": (replace(OPTIONS, factor=0.5), MtcnnDetector(24, factor=0.5)),
        "weights": (replace(OPTIONS, weights=str(other_weights)), MtcnnDetector(24, weights=other_weights)),
    }[name]
    workspaces = [Workspace(tmp_path / way) for way in ("usual", "other")]
    for workspace, chosen in zip(workspaces, (OPTIONS, options), strict=True):
        ingest([given], workspace, chosen)
    usual, other = (_found(workspace) for workspace in workspaces)
    found = detector.detect([picture])[0]
    assert other == sorted(zip(found.boxes.tolist(), found.landmarks.tolist(), strict=True))
    assert len(other) >= 2
    assert other != usual


def test_changes_are_refused_by_name_and_other_spellings_are_none(
    given: Path, other_weights: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    ingest([given], workspace, OPTIONS)
    for words, changed in {
        r"thresholds \[0\.6, 0\.7, 0\.7\], not \[0\.6, 0\.7, 0\.8\]": replace(OPTIONS, thresholds=(0.6, 0.7, 0.8)),
        r"factor 0\.709, not 0\.8": replace(OPTIONS, factor=0.8),
        f"weights {load_weights().digest}, not {load_weights(other_weights).digest}": replace(
            OPTIONS, weights=str(other_weights)
        ),
    }.items():
        with pytest.raises(ResumeRefused, match=words):
            ingest([given], workspace, changed)
    # The same numbers, whichever package or file they come from, are the same weights.
    save_weights(tmp_path / "same.safetensors", load_weights("mtcnn"))
    for weights in ("facenet-pytorch", "mtcnn", str(tmp_path / "same.safetensors")):
        again = replace(OPTIONS, weights=weights, thresholds=(0.6, 0.7, 0.7))
        assert ingest([given], workspace, again).new_sources == 0


@pytest.mark.parametrize("thresholds", [(), (0, 0.7, 0.7), (0.6, 1, 0.7), (float("nan"), 0.7, 0.7)])
def test_thresholds_that_cannot_be(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="`thresholds` is"):
        IngestOptions(thresholds=thresholds)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"factor": 1.0}, "`factor` is 1"),
        ({"factor": float("nan")}, "`factor` is nan"),
        ({"mode": "quick"}, "`mode` 'quick' is unknown"),
        ({"thresholds": (0.6,)}, "`thresholds` is"),
        ({"thresholds": (0.6, 0.7)}, "`thresholds` is"),
        ({"thresholds": (0.6, 0.7, 0.7, 0.7)}, "`thresholds` is"),
        ({"detector": "hog"}, "`detector` 'hog' is unknown; choose one of mtcnn, yunet"),
    ],
)
def test_options_that_the_detector_refuses(given: Path, tmp_path: Path, values: dict[str, Any], word: str) -> None:
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(InputError, match=word):
        ingest([given], workspace, replace(OPTIONS, **values))
    assert not workspace.settings_path.exists()


def test_max_faces_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="`max_faces` is 0"):
        IngestOptions(max_faces=0)


@pytest.fixture
def done(given: Path, tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "done")
    ingest([given], workspace, OPTIONS)
    return workspace


def test_the_record_names_detector_engine_and_weights(done: Workspace) -> None:
    record = done.settings()["ingest"]
    assert record["detector"] == "mtcnn"
    assert record["detector_engine"] == MtcnnDetector().identity.engine
    assert record["weights"] == load_weights().digest
    assert record["score_levels"] == [0.9, 0.98, 0.99]


def test_another_engine_is_refused_unless_asked_for(
    done: Workspace, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = done.manifest.read_bytes()
    monkeypatch.setattr(MtcnnDetector, "_engine_name", "torch 1.0 cpu")
    with pytest.raises(ResumeRefused, match=r"detector_engine .*, not torch 1\.0 cpu; .* `mix_detectors`") as refused:
        ingest([given], done, OPTIONS)
    assert refused.value.exit_code == 5
    assert done.manifest.read_bytes() == before
    ingest([given], done, replace(OPTIONS, mix_detectors=True))
    mixed = done.settings()["ingest"]["mixed_detectors"]
    # From now on each of the two may go on without being asked for.
    monkeypatch.undo()
    assert mixed == sorted(
        [str(MtcnnDetector().identity), str(MtcnnDetector().identity).replace(ENGINE, "torch 1.0 cpu")]
    )
    assert ingest([given], done, OPTIONS).new_sources == 0


def test_another_detector_is_refused_by_name(done: Workspace, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "centre", "tests.ingestion.fake_detector:make_centre")
    with pytest.raises(ResumeRefused, match="ingested with detector mtcnn, not fake"):
        ingest([given], done, replace(OPTIONS, detector="centre"))


def test_a_shaping_option_is_refused_whatever_is_mixed(done: Workspace, given: Path) -> None:
    with pytest.raises(ResumeRefused, match="crop_px 64, not 96"):
        ingest([given], done, replace(OPTIONS, crop_px=96, mix_detectors=True))
