"""`mlcroissant` accepts the description of every export, and reads from it what the manifest says."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.transfer.exports.dataset_card import TOPICS
from fertools.transfer.exports.export import export
from fertools.transfer.exports.export_options import DatasetExportOptions, ExportFormat
from tests.manifests.rows import Row
from tests.transfer.exports.conftest import files_below

# It leaves files open, which Python says when it collects them.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
PICTURES: tuple[ExportFormat, ...] = ("croissant", "imagefolder", "coco", "fiftyone", "webdataset", "huggingface")


def described(workspace: Workspace, out: Path, options: DatasetExportOptions) -> dict[str, Any]:
    export(workspace, out, options)
    content: dict[str, Any] = json.loads((out / "croissant.json").read_text(encoding="utf-8"))
    return content


def opened(out: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Any:
    """Return the dataset that mlcroissant opens; it unpacks tars into `cache`."""
    import mlcroissant
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", type(extract.EXTRACT_PATH)(cache))
    return mlcroissant.Dataset(jsonld=str(out / "croissant.json"))


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


@pytest.mark.parametrize("form", [*PICTURES, "openface"])
def test_mlcroissant_reads_every_face_of_every_layout(
    workspace: Workspace, tmp_path: Path, form: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export(workspace, out, DatasetExportOptions(form, test_folds=(1,), shard_faces=4))
    dataset = opened(out, monkeypatch, tmp_path / "cache")
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    rows = {row["face_id"]: row for row in pq.read_table(out / "faces.parquet").to_pylist()}
    seen = {record["faces/face_id"].decode(): record for record in dataset.records("faces")}
    assert seen.keys() == rows.keys()
    for name, record in seen.items():
        row = rows[name]
        assert record.keys() == {f"faces/{column}" for column in row}
        assert text(record["faces/emotion"]) == row["emotion"]
        assert text(record["faces/part"]) == row["part"]
        assert record["faces/valence"] == row["valence"]
        assert record["faces/fold"] == row["fold"]
    if form == "openface":
        assert {one.uuid for one in dataset.metadata.record_sets} == {"faces"}
        return
    pictures = {record["pictures/face_id"].decode(): record["pictures/image"] for record in dataset.records("pictures")}
    assert pictures.keys() == rows.keys()
    for name, picture in pictures.items():
        crop = Image.open(workspace.root / rows[name]["path"])
        assert picture.tobytes() == crop.tobytes()
        buffer = io.BytesIO((workspace.root / rows[name]["path"]).read_bytes())
        assert hashlib.sha256(buffer.getvalue()).hexdigest() == rows[name]["sha256"]


def test_each_file_has_its_digest_and_each_column_a_field(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    content = described(workspace, out, DatasetExportOptions("webdataset", shard_faces=4))
    objects = {one["contentUrl"]: one for one in content["distribution"] if one["@type"] == "cr:FileObject"}
    # The rest are the record, the mark and the description itself.
    assert files_below(out) - objects.keys() == {".made-by-fertools", "export.json", "croissant.json", "DATACARD.md"}
    for name, one in objects.items():
        assert one["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
        assert one["contentSize"] == f"{(out / name).stat().st_size} B"
    (fields,) = (
        {one["name"]: one for one in found["field"]} for found in content["recordSet"] if found["name"] == "faces"
    )
    assert list(fields) == pq.read_schema(out / "faces.parquet").names == [*FACES.names, "part", "file", "sha256"]
    assert fields["landmarks"]["arrayShape"] == "5,2"
    assert fields["generator_folds"]["arrayShape"] == "-1"
    assert all(one["description"] for one in fields.values())


def test_the_card_and_the_description_say_the_same(workspace: Workspace, tmp_path: Path) -> None:
    record = {"may_share": True, "licence": "on request", "cite": "Doe, Faces, 2020"}
    workspace.save_settings("datasets", {"made": record})
    options = DatasetExportOptions(
        "croissant",
        title="Four people",
        creator=("A. Maker", "B. Maker"),
        url="https://x.org/4",
        published="2026-12-01",
    )
    content = described(workspace, tmp_path / "out", options)
    card = (tmp_path / "out" / "DATACARD.md").read_text(encoding="utf-8")
    assert (content["name"], content["url"], content["datePublished"]) == (
        "Four people",
        options.url,
        options.published,
    )
    assert [one["name"] for one in content["creator"]] == ["A. Maker", "B. Maker"]
    assert content["citeAs"] == "Doe, Faces, 2020"
    assert [one["name"] for one in content["license"]] == ["CC0-1.0", "on request"]
    for topic, heading in TOPICS.items():
        said = content[f"rai:{topic}"]
        for sentence in [said] if isinstance(said, str) else said:
            assert sentence.split(". ")[0] in card
        assert f"## {heading}" in card
    for part in (
        "# Four people",
        "A. Maker, B. Maker",
        "https://x.org/4",
        "2026-12-01",
        "| made | 12 | CC0-1.0 | yes |",
    ):
        assert part in card


def test_biases_and_gaps_are_those_of_the_exported_faces(workspace: Workspace, tmp_path: Path, rows: list[Row]) -> None:
    faces = store.read_faces(workspace)
    dataset = ["other" if one == "contempt" else "made" for one in faces["emotion"].to_pylist()]
    origin = [None if one is None else "prior" for one in faces["valence"].to_pylist()]
    store.write_table(
        workspace.manifest, FACES, store.replace_columns(faces, {"dataset": dataset, "va_origin": origin})
    )
    content = described(workspace, tmp_path / "out", DatasetExportOptions("croissant"))
    biases = " ".join(content["rai:dataBiases"])
    assert "All faces with contempt are from the dataset other." in biases
    assert "The most frequent expression is happiness: 33% of the labelled faces." in biases
    assert "Absent expressions: anger, disgust, neutral, sadness, surprise." in biases
    assert "0% of the faces with a known pose are turned by at most 15 degrees." in biases
    assert "1 rejected, 1 in no fold" in content["rai:dataCollectionMissingData"]
    assert "1 without an expression" in content["rai:dataCollectionMissingData"]
    assert "12 faces have the published mean" in content["rai:dataImputationProtocol"]
    assert content["rai:annotatorDemographics"][0].startswith("Unknown")
    assert "biometric" in content["rai:personalSensitiveInformation"][0]


def test_a_day_of_publication_is_a_day() -> None:
    for day in ("tomorrow", "2026-13-01", "20261201"):
        with pytest.raises(InputError, match=f"`published` is '{day}'; give a day, such as 2026-12-01"):
            DatasetExportOptions(published=day)
