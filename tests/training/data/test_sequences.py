"""Which faces are frames of one take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.samples.sample_options import SampleOptions
from fertools.sources.naming import split_name
from fertools.training.data.sequences import name_sequences
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.jobs.train import train
from tests.training.blobs import blob_rows, write_blobs


def rows_of(*faces: tuple[str, str | None, int | None, float | None, int]) -> pa.Table:
    columns = zip(*faces, strict=True)
    names = ("source_id", "subject_id", "track_id", "pts_s", "frame_index")
    types = (pa.string(), pa.string(), pa.int32(), pa.float64(), pa.int32())
    return pa.table(
        {name: pa.array(list(values), kind) for name, values, kind in zip(names, columns, types, strict=True)}
    )


def write_sources(root: Path, paths: dict[str, str]) -> Workspace:
    rows: list[dict[str, Any]] = [
        {"source_id": hash_bytes(name.encode()), "path": path, "kind": "image", "modality": "visible", "status": "done"}
        for name, path in paths.items()
    ]
    workspace = Workspace(root)
    store.write_table(workspace.sources, SOURCES, SOURCES.table(rows))
    return workspace


def test_frames_of_a_track_are_a_sequence(tmp_path: Path) -> None:
    table = rows_of(("v", "s", 1, 0.0, 0), ("v", "s", 1, 0.04, 1), ("v", "s", 2, 0.04, 1), ("p", "s", None, None, 0))
    assert name_sequences(Workspace(tmp_path), table) == (["v 1", "v 1", "v 2", None], [0, 1, 1, None])


def test_pictures_of_one_take_are_a_sequence_unless_they_show_several_faces(tmp_path: Path) -> None:
    names = [b"a", b"b", b"c", b"d", b"d"]
    paths = {name.decode(): f"ck/S1/01/S1_01_000{number}.png" for number, name in enumerate(names[:4])}
    table = rows_of(*((hash_bytes(name), "S1", None, None, 0) for name in names))
    columns = {
        "dataset": ["ckplus"] * 5,
        "modality": ["visible"] * 5,
        "sequence_id": ["S1/01", "S1/01", None, *["S1/01"] * 2],
    }
    for column, values in columns.items():
        table = table.append_column(column, pa.array(values, pa.string()))
    take = "ckplus visible S1/01"
    assert name_sequences(write_sources(tmp_path, paths), table) == (
        [take, take, None, None, None],
        [0, 1, None, None, None],
    )


@pytest.mark.parametrize("folder", ["lfw/Ann_Bee/Ann_Bee_", "ck/S1/01/S1_01_"])
def test_numbered_pictures_may_be_of_different_days(tmp_path: Path, folder: str) -> None:
    workspace = write_sources(tmp_path, {"a": f"{folder}0001.png", "b": f"{folder}0002.png"})
    table = rows_of(*((hash_bytes(name), "Ann", None, None, 0) for name in (b"a", b"b")))
    assert name_sequences(workspace, table) == ([None, None], [None, None])


@pytest.mark.parametrize(
    ("kind", "folder", "are_frames"),
    [
        ("clips", "visible/lab/p01/fear", True),
        ("characters", "visible/lab/p01/fear", True),
        ("characters", "animated/c01/fear", False),
        ("pairs", "thermal/lab/p01/fear", False),
        ("wild", "visible/snapshot/p01/fear", False),
    ],
)
def test_drawn_occasions_are_no_frames(tmp_path: Path, kind: str, folder: str, are_frames: bool) -> None:
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    (drawn / "sample.json").write_text(json.dumps(SampleOptions(kind=kind).record()))
    (drawn / "truth.csv").touch()
    workspace = write_sources(tmp_path, {str(number): f"drawn/stills/{folder}/000{number}.png" for number in range(2)})
    table = rows_of(*((hash_bytes(name), "p01", None, None, 0) for name in (b"0", b"1")))
    assert name_sequences(workspace, table)[1] == ([0, 1] if are_frames else [None, None])


def test_a_name_without_a_number_or_with_an_endless_one_is_no_frame() -> None:
    assert split_name("a/b.png") is None
    assert split_name(f"a/{'9' * 40}.png") is None
    assert split_name("0007.png") == ("./", 7)


def test_a_run_writes_the_sequences_of_its_test_faces(tmp_path: Path) -> None:
    rows = [row | {"pts_s": 0.04 * row["frame_index"], "track_id": 0} for row in blob_rows(takes=2)]
    workspace = write_blobs(tmp_path, rows)
    train(workspace, "classifier", preset="smoke", overrides=("epochs=1",), device="cpu")
    table = read_predictions(workspace.root / "training/classifier/smoke/predictions.parquet").table
    assert set(table["run"].to_pylist()) == {"classifier/smoke"}
    assert len(set(table["sequence"].to_pylist())) == len(table) // 2 == 7
    assert sorted(set(table["frame_index"].to_pylist())) == [0, 1]
