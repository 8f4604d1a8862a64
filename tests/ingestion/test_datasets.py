"""Datasets by name reach the manifest: subjects, labels, terms, pictures in tables, frames of videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import fertools
from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.dataset_sources import refuse_unshareable
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.steps import sampling_by
from fertools.manifests import store
from fertools.sources.datasets.frame_rules import FrameRule
from tests.conftest import write_clip
from tests.sources.datasets.trees import TREES, MiniTree, write_tree


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def options(name: str, **values: object) -> IngestOptions:
    return IngestOptions(dataset=name, workers=1, crop_px=32, device="cpu", **values)  # type: ignore[arg-type]


def test_a_dataset_by_name_has_its_labels_terms_and_record(tmp_path: Path) -> None:
    given, workspace, notes = write_tree(tmp_path / "set", TREES["ck48", "folders"]), Workspace(tmp_path / "w"), Notes()
    summary = ingest(given, workspace, options("ck48"), notes)
    assert (summary.sources, summary.emotions) == ({"done": 2}, {"contempt": 1, "happiness": 1})
    rows = store.read_faces(workspace).to_pylist()
    assert {(row["subject_id"], row["subject_origin"], row["emotion_origin"], row["dataset"]) for row in rows} == {
        ("S138", "dataset", "dataset", "ck48"),
        ("S010", "dataset", "dataset", "ck48"),
    }
    assert {row["licence"] for row in rows} == {"CK+ agreement, research only"}
    settings = workspace.settings()
    assert settings["datasets"]["ck48"]["may_share"] is False
    assert settings["sources"]["ck48 (visible)"]["descriptor"] == "ck48:folders"
    record = pq.read_table(workspace.manifest.parent / "datasets" / "ck48.parquet").to_pylist()
    assert sorted(row["sequence"] for row in record) == ["S010/004", "S138/008"]
    assert any(told.startswith("not verified: the layout folders") for told in notes.told)
    with pytest.raises(InputError, match=r"the terms of ck48 in .* forbid passing its pictures on.*allow_restricted"):
        refuse_unshareable(workspace)
    assert ingest(given, workspace, options("ck48")).new_sources == 0


def test_a_wrong_folder_and_a_contradicting_option_are_refused(tmp_path: Path) -> None:
    given = write_tree(tmp_path / "set", TREES["ck48", "folders"])
    with pytest.raises(InputError, match="is not laid out as Japanese"):
        ingest(given, tmp_path / "w", options("jaffe"))
    with pytest.raises(InputError, match=r"subject_from.* and the descriptor of CK"):
        ingest(given, tmp_path / "w", options("ck48", subject_from="none"))
    with pytest.raises(InputError, match="names no descriptor, which a dry run needs"):
        fertools.preview_dataset(given, tmp_path / "w", options("mine"))
    assert not (tmp_path / "w").exists()


def test_a_name_can_be_a_label_only(tmp_path: Path) -> None:
    given, notes = write_tree(tmp_path / "set", TREES["ck48", "folders"]), Notes()
    label = options("jaffe", descriptor="none", crops=True)
    assert ingest(given, tmp_path / "a", label).emotions == {"contempt": 1, "happiness": 1}
    assert "datasets" not in Workspace(tmp_path / "a").settings()
    ingest(given, tmp_path / "b", options("ck-48", crops=True), notes)
    assert any("ck48 reads the folder as that dataset" in told for told in notes.told)
    other = options("kohn", descriptor="ck48:folders")
    ingest(given, tmp_path / "c", other)
    assert set(store.read_faces(tmp_path / "c", ("dataset",))["dataset"].to_pylist()) == {"kohn"}


def test_pictures_in_a_table_become_sources_with_their_votes(tmp_path: Path) -> None:
    given, workspace = write_tree(tmp_path / "set", TREES["fer2013", "csv-ferplus"]), Workspace(tmp_path / "w")
    summary = ingest(given, workspace, options("fer2013"))
    assert (summary.sources, summary.emotions) == ({"done": 2}, {"neutral": 1, None: 1})
    assert (workspace.manifest.parent / "pictures" / "fer2013" / "Training" / "fer0000000.png").is_file()
    rows = store.read_faces(workspace, ("emotion", "split")).to_pylist()
    assert {row["emotion"]: row["split"] for row in rows} == {"neutral": "train", None: "test"}
    assert "neutral" in (workspace.root / "annotations" / "votes.csv").read_text(encoding="utf-8")


def test_copies_keep_the_labels_on_which_they_agree(tmp_path: Path) -> None:
    rows = ("1,0,0,0,9", "2,0,0,0,8", "10,0,0,0,0", "10,0,0,0,0")
    lines = [f'fer000000{number}.png,"(0, 0, 48, 48)",{row},0,0,0,0,0\n' for number, row in enumerate(rows)]
    parts = ("Train", "Train", "Train", "Valid")
    names = [f"FER2013{part}/fer000000{number}.png" for number, part in enumerate(parts)]
    tables = {"FER2013Train/label.csv": "".join(lines[:3]), "FER2013Valid/label.csv": lines[3]}
    given = write_tree(tmp_path / "set", MiniTree({**dict.fromkeys(names, ""), **tables}, {}))
    for first, copy in ((0, 1), (2, 3)):
        (given / names[copy]).write_bytes((given / names[first]).read_bytes())
    workspace, notes = Workspace(tmp_path / "w"), Notes()
    assert ingest(given, workspace, options("fer2013"), notes).sources == {"done": 2, "duplicate": 2}
    rows_of = store.read_faces(workspace, ("emotion", "split")).to_pylist()
    assert {row["emotion"]: row["split"] for row in rows_of} == {"anger": "train", "neutral": None}
    told = [line.rpartition(": ")[2] for line in notes.told if "its copies contradict" in line]
    assert told == ["votes", "split"]
    votes = (workspace.root / "annotations" / "votes.csv").read_text(encoding="utf-8").splitlines()
    assert len(votes) == 2


def test_a_preview_writes_nothing(tmp_path: Path) -> None:
    given = write_tree(tmp_path / "set", TREES["kdef", "published"])
    preview = fertools.preview_dataset(given, tmp_path / "w", options("kdef"), rows=2)
    assert (preview.layout, len(preview.rows), preview.rows[0][:3]) == (
        "published",
        2,
        ("AF01/AF01ANS.JPG", "F01", "anger"),
    )
    assert not (tmp_path / "w").exists()
    assert "4900" in preview._repr_html_()


@pytest.mark.parametrize(
    ("rule", "numbers"), [("last:3", {7, 8, 9}), ("middle:2", {4, 5}), ("first:1", {0}), ("apex", {9})]
)
def test_frames_of_a_video_are_chosen_by_the_rule(tmp_path: Path, rule: str, numbers: set[int]) -> None:
    frames: list[NDArray[np.uint8]] = [np.full((32, 32, 3), 20 * number, np.uint8) for number in range(10)]
    clip = write_clip(tmp_path / "clip.mp4", frames)
    assert sampling_by(FrameRule.parse(rule), clip).indices == frozenset(numbers)
    assert sampling_by(FrameRule.parse("every:3"), clip).every == 3
