"""Every layout is opened by the library that it is for, and says there what the manifest says.

torchvision and FiftyOne open theirs in the slow suite only, where they are installed. In every run an ImageFolder is
walked as torchvision's documentation says, and `labels.json` is read as that of FiftyOne says.
"""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fertools.core.vocabulary import EMOTIONS, load_lexicon
from fertools.core.workspace import Workspace
from fertools.sources.archives.opened import open_archive
from fertools.sources.archives.picture_table import PictureTable
from fertools.sources.archives.webdataset import sample_labels
from fertools.sources.label_columns import LabelColumns, RowReader
from fertools.transfer.exports.export import export
from fertools.transfer.exports.export_options import DatasetExportOptions, ExportFormat
from tests.manifests.rows import Row, identify
from tests.transfer.exports.conftest import PEOPLE, SIZE_PX, id_of

CLASSES = [*EMOTIONS, "contempt"]
BOX = [2.0, 2.0, 10.0, 14.0]
"""x, y, width, height in the crop: (14, 24, 34, 60) moved by half and (-5, -10) is (2, 2, 12, 20), cut at 16."""
POINTS = [(5.0, 5.0), (10.0, 5.0), (7.5, 9.0), (5.5, 12.0), (9.5, 12.0)]
VISIBLE_KEYPOINTS = [value for x, y in POINTS for value in (x, y, 2)]


@pytest.fixture
def out(workspace: Workspace, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    form: ExportFormat = request.param
    export(workspace, tmp_path / "out", DatasetExportOptions(form, test_folds=(1,), shard_faces=4))
    return tmp_path / "out"


def crops(workspace: Workspace, rows: list[Row]) -> dict[str, Image.Image]:
    return {row["face_id"]: Image.open(workspace.root / row["path"]).copy() for row in rows}


def expected(part: str) -> dict[str, tuple[str, str]]:
    """Return the emotion and person of each labelled face of a part."""
    own = PEOPLE[0::2] if part == "train" else PEOPLE[1::2]
    return {
        id_of(person, emotion): (emotion, person) for person in own for emotion in ("contempt", "fear", "happiness")
    }


@pytest.mark.parametrize("out", ["imagefolder"], indirect=True)
@pytest.mark.parametrize("part", ["train", "test"])
def test_an_image_folder_is_that_of_torchvision(out: Path, workspace: Workspace, rows: list[Row], part: str) -> None:
    # Classes are the folders in alphabetical order; samples are all pictures below them.
    classes = sorted(entry.name for entry in (out / part).iterdir() if entry.is_dir())
    assert classes == ["contempt", "fear", "happiness"]
    samples = {path.stem: (path, name) for name in classes for path in (out / part / name).rglob("*.png")}
    assert {face: name for face, (_, name) in samples.items()} == {
        face: emotion for face, (emotion, _) in expected(part).items()
    }
    for face, (path, _) in samples.items():
        assert Image.open(path).tobytes() == crops(workspace, rows)[face].tobytes()
    assert {entry.name for entry in out.iterdir() if entry.is_dir()} == {"train", "test"}


# The library leaves its tars open, which Python says when it collects them.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("out", ["webdataset"], indirect=True)
def test_webdataset_opens_its_tars(out: Path, workspace: Workspace, rows: list[Row]) -> None:
    import webdataset

    assert (out / "classes.txt").read_text(encoding="utf-8").split() == CLASSES
    seen: dict[str, str] = {}
    for part, shards in (("train", 2), ("test", 2)):
        tars = sorted(str(path) for path in out.glob(f"{part}-*.tar"))
        assert len(tars) == shards
        dataset = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False).decode("pil")
        for sample in dataset:
            seen[sample["__key__"]] = part
            labels = sample["json"]
            assert labels["face_id"] == sample["__key__"]
            assert sample["png"].tobytes() == crops(workspace, rows)[sample["__key__"]].tobytes()
            if sample["__key__"] == identify("unknown"):
                assert "cls" not in sample
                assert "emotion" not in labels
            else:
                emotion, person = expected(part)[sample["__key__"]]
                assert (labels["emotion"], labels["subject_id"], CLASSES[sample["cls"]]) == (emotion, person, emotion)
                assert (labels["valence"], labels["arousal"]) == (0.25, -0.5)
    assert len(seen) == 13


@pytest.mark.parametrize("out", ["huggingface"], indirect=True)
def test_datasets_opens_its_folder(
    out: Path, workspace: Workspace, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import datasets

        datasets.disable_progress_bars()
        loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "test"}
    for part in ("train", "test"):
        split = loaded[part]
        assert split.features["label"].names == CLASSES
        found = {}
        for row in split:
            assert row["image"].tobytes() == crops(workspace, rows)[row["face_id"]].tobytes()
            if row["label"] is not None:
                assert CLASSES[row["label"]] == row["emotion"]
                found[row["face_id"]] = (row["emotion"], row["subject_id"])
        assert found == expected(part)
    assert {path.name for path in (out / "data").iterdir()} >= {"train-00000-of-00002.parquet"}


@pytest.mark.parametrize("out", ["coco"], indirect=True)
@pytest.mark.parametrize("part", ["train", "test"])
def test_pycocotools_opens_its_annotations(out: Path, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    coco = COCO(str(out / "annotations" / f"instances_{part}.json"))
    capsys.readouterr()
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == CLASSES
    found = {}
    for image in coco.loadImgs(coco.getImgIds()):
        with Image.open(out / part / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"]) == (SIZE_PX, SIZE_PX)
        (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        assert (annotation["bbox"], annotation["area"]) == (BOX, 140.0)
        assert (annotation["num_keypoints"], annotation["keypoints"]) == (5, VISIBLE_KEYPOINTS)
        face = Path(image["file_name"]).stem
        assert annotation["attributes"]["face_id"] == face
        found[face] = (CLASSES[annotation["category_id"] - 1], annotation["attributes"]["subject_id"])
    assert found == expected(part)
    assert coco.dataset["licenses"] == [{"id": 1, "name": "CC0-1.0"}]


@pytest.mark.parametrize("out", ["fiftyone"], indirect=True)
@pytest.mark.parametrize("part", ["train", "test"])
def test_labels_of_fiftyone_have_the_documented_layout(out: Path, part: str) -> None:
    content: dict[str, Any] = json.loads((out / part / "labels.json").read_text(encoding="utf-8"))
    assert set(content) == {"classes", "labels"}
    assert content["classes"] == CLASSES
    assert {path.stem for path in (out / part / "data").iterdir()} == set(content["labels"])
    found = {}
    for face, (detection,) in content["labels"].items():
        assert set(detection) == {"label", "bounding_box", "attributes"}
        assert detection["bounding_box"] == [value / SIZE_PX for value in BOX]
        found[face] = (content["classes"][detection["label"]], detection["attributes"]["subject_id"])
    assert found == expected(part)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("out", ["fiftyone"], indirect=True)
@pytest.mark.parametrize("part", ["train", "test"])
def test_fiftyone_opens_its_export(out: Path, part: str) -> None:
    fiftyone = pytest.importorskip("fiftyone", reason="FiftyOne is not installed: pip install fiftyone")
    kind = fiftyone.types.FiftyOneImageDetectionDataset
    dataset = fiftyone.Dataset.from_dir(dataset_dir=str(out / part), dataset_type=kind)
    found = {}
    for sample in dataset:
        (detection,) = sample.ground_truth.detections
        assert detection.bounding_box == [value / SIZE_PX for value in BOX]
        with Image.open(sample.filepath) as picture:
            assert picture.size == (SIZE_PX, SIZE_PX)
        found[Path(sample.filepath).stem] = (detection.label, detection["subject_id"])
    assert found == expected(part)
    assert dataset.default_classes == CLASSES


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("out", ["imagefolder"], indirect=True)
def test_torchvision_opens_its_export(out: Path) -> None:
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed: pip install torchvision")
    folder = torchvision.datasets.ImageFolder(str(out / "train"))
    found = {Path(path).stem: folder.classes[number] for path, number in folder.samples}
    assert found == {face: emotion for face, (emotion, _) in expected("train").items()}


@pytest.mark.parametrize("out", ["openface"], indirect=True)
def test_the_csv_has_the_columns_and_signs_of_openface(out: Path) -> None:
    text = (out / "test" / f"{identify('ben.mp4')}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["frame"] for row in rows] == ["1", "2", "3"]
    assert {row["face_id"] for row in rows} == {"3"}
    assert [float(row["timestamp"]) for row in rows] == [0.0, 0.04, 0.08]
    assert {row["success"] for row in rows} == {"1"}
    first = {name: float(rows[0][name]) for name in ("pose_Rx", "pose_Ry", "pose_Rz", "x_30", "y_30", "x_48", "y_54")}
    # Down by 45 degrees, towards larger x by 90, clockwise by 30: the direction of the face is R (0, 0, -1).
    assert first == pytest.approx(
        {
            "pose_Rx": math.pi / 4,
            "pose_Ry": -math.pi / 2,
            "pose_Rz": math.pi / 6,
            **{"x_30": 25, "y_30": 38, "x_48": 21, "y_54": 44},
        },
        abs=1e-5,
    )
    assert (-math.sin(first["pose_Ry"]), math.cos(first["pose_Ry"])) == pytest.approx((1, 0), abs=1e-5)
    assert [row["emotion"] for row in rows] == ["fear", "happiness", "contempt"]
    pictures = list(csv.DictReader(io.StringIO((out / "train" / "pictures.csv").read_text(encoding="utf-8"))))
    assert [(row["frame"], row["timestamp"], row["fertools_face_id"]) for row in pictures] == [
        ("1", "0.0", identify("unknown"))
    ]


@pytest.mark.parametrize("form", ["webdataset", "huggingface"])
def test_fertools_reads_its_own_export_as_a_source(workspace: Workspace, tmp_path: Path, form: ExportFormat) -> None:
    export(workspace, tmp_path / "out", DatasetExportOptions(form, test_folds=(1,)))
    (path,) = (
        (tmp_path / "out").glob("test-*.tar") if form == "webdataset" else (tmp_path / "out" / "data").glob("test*")
    )
    archive, reader = open_archive(path), RowReader(LabelColumns(), load_lexicon(), "import:x")
    members = archive.contents().members
    labels = archive.labels(reader) if isinstance(archive, PictureTable) else sample_labels(archive, members, reader)
    assert sorted((one.subject_id, one.emotion) for (one,) in labels.values()) == sorted(
        (person, emotion) for emotion, person in expected("test").values()
    )
