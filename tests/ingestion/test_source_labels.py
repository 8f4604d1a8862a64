"""Labels that came with the sources reach the right faces, also where a picture shows several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core.workspace import Workspace
from fertools.ingestion.filter import FilterOptions, filter_faces
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.source_labels import match_labels
from fertools.manifests import store
from fertools.manifests.validation import validate
from fertools.sources.label_columns import LabelColumns, SourceLabels
from tests.ingestion.test_archives import Notes

TABLE = """image,x1,y1,x2,y2,subject,expression,valence,arousal,split
a.png,0,0,40,40,p1,happy,0.8,0.5,train
a.png,60,10,90,40,p2,sad,-0.6,-0.2,test
b.png,,,,,p3,happily surprised,,,train
c.png,,,,,p1,puzzled,,,train
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "set" / "angry"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        Image.fromarray(rng.integers(0, 256, (50, 100, 3), np.uint8)).save(folder / f"{name}.png")
    return tmp_path / "set"


def _options(table: Path, columns: str = "") -> IngestOptions:
    parsed = LabelColumns.parse(columns) if columns else None
    return IngestOptions(workers=1, crops=True, crop_px=32, quality="keep-all", table=table, columns=parsed)


def _label(row: dict[str, object]) -> tuple[object, ...]:
    return tuple(row[name] for name in ("subject_id", "emotion", "emotion_origin", "split"))


def test_no_face_of_a_picture_overwrites_another(pictures: Path, tmp_path: Path) -> None:
    table, workspace, notes = tmp_path / "t.csv", Workspace(tmp_path / "workspace"), Notes()
    table.write_text(TABLE, encoding="utf-8")
    summary = ingest(pictures, workspace, _options(table), notes)
    assert (summary.sources, summary.passed_over) == ({"done": 3}, {"not in the table": 1})
    rows = store.read_faces(workspace).to_pylist()
    assert sorted(map(_label, rows), key=str) == sorted(
        [
            ("p1", "happiness", "import:t.csv", "train"),
            ("p2", "sadness", "import:t.csv", "test"),
            ("p3", None, None, "train"),
            ("p1", None, None, "train"),
        ],
        key=str,
    )
    (happy,) = [row for row in rows if row["emotion"] == "happiness"]
    assert happy["box"] == [0, 0, 40, 40]
    assert (happy["valence"], happy["arousal"], happy["va_origin"]) == (pytest.approx(0.8), 0.5, "import:t.csv")
    assert validate(workspace).ok
    sources = {Path(row["path"]).name: row for row in store.read_sources(workspace).to_pylist()}
    assert sources["b.png"]["reason"] == "t.csv:4: happiness and surprise tie"
    assert any("'puzzled' (1)" in line for line in notes.lines)


def test_subjects_of_boxes_survive_a_filter(pictures: Path, tmp_path: Path) -> None:
    table, workspace = tmp_path / "t.csv", Workspace(tmp_path / "workspace")
    table.write_text(TABLE, encoding="utf-8")
    ingest(pictures, workspace, _options(table))
    before = store.read_faces(workspace).to_pylist()
    filter_faces(workspace, FilterOptions(quality="keep-all"))
    assert store.read_faces(workspace).to_pylist() == before


def test_votes_are_soft_labels_that_a_rerun_does_not_lose(pictures: Path, tmp_path: Path) -> None:
    table, workspace = tmp_path / "t.csv", Workspace(tmp_path / "workspace")
    table.write_text("image,neutral,happiness,NF\na.png,1,9,0\nb.png,4,4,2\nc.png,0,0,10\n", encoding="utf-8")
    options = _options(table, "votes=neutral:happiness:NF")
    ingest(pictures, workspace, options)
    path = workspace.root / "annotations/votes.csv"
    header, *rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    assert header == ["face_id", "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "other"]
    assert sorted(row[1:] for row in rows) == sorted(
        [["0", "0", "0", "9", "1", "0", "0", "0"], ["0", "0", "0", "4", "4", "0", "0", "2"], ["0"] * 7 + ["10"]]
    )
    content = path.read_bytes()
    path.unlink()
    ingest(pictures, workspace, options)
    assert path.read_bytes() == content
    emotions = {row["emotion"] for row in store.read_faces(workspace).to_pylist()}
    assert emotions == {"happiness", None}


def test_boxes_are_matched_together_and_not_one_by_one() -> None:
    labels = tuple(
        SourceLabels(emotion=str(number), box=(left, 0, left + 10, 10)) for number, left in enumerate((0, 4))
    )
    faces = np.array([[3, 0, 13, 10], [100, 0, 110, 10], [5, 0, 15, 10]], float)
    found = match_labels(labels, faces)
    assert [one and one.emotion for one in found] == ["0", None, "1"]
    assert match_labels((), faces) == [None] * 3
    assert match_labels((SourceLabels(emotion="all"),), faces[:1])[0] == SourceLabels(emotion="all")
