"""The sequences of a dataset by name, from its files through every command that rewrites or copies a manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fertools.core.workspace import Workspace
from fertools.ingestion.filter import FilterOptions, filter_faces
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.validation import validate
from fertools.splits.split import split
from fertools.transfer.merge import merge
from fertools.transfer.pull import pull
from fertools.transfer.push import push
from tests.manifests.rows import faces_of
from tests.sources.datasets.trees import MiniTree, write_tree
from tests.transfer.stores import label

_FRAMES = {
    "contempt/S138_008_00000007.png": "S138/008",
    "contempt/S138_008_00000008.png": "S138/008",
    "happy/S010_004_00000017.png": "S010/004",
    "happy/S010_004_00000018.png": "S010/004",
    "happy/S010_004_00000019.png": "S010/004",
    "surprise/S010_002_00000014.png": "S010/002",
}
_NEXT = "surprise/S011_003_00000013.png"
OPTIONS = IngestOptions(dataset="ck48", workers=1, crop_px=32, device="cpu")


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace beside `ck/`, a miniature of CK+48."""
    home = tmp_path_factory.mktemp("home")
    write_tree(home / "ck", MiniTree(dict.fromkeys(_FRAMES, ""), {}))
    ingest(home / "ck", home, OPTIONS)
    return home


@pytest.fixture
def workspace(ingested: Path, tmp_path: Path) -> Workspace:
    """A copy that a test may change."""
    return Workspace(shutil.copytree(ingested, tmp_path / "mine"))


def _sequences(workspace: Workspace) -> dict[str, str | None]:
    """Return the sequence of each face by the file that it is in."""
    paths = {row["source_id"]: row["path"] for row in store.read_sources(workspace).to_pylist()}
    return {
        paths[row["source_id"]].rpartition("ck/")[2]: row["sequence_id"]
        for row in store.read_faces(workspace).to_pylist()
    }


def test_the_sequences_of_a_dataset_are_in_the_manifest_and_stay_whole_in_a_split(workspace: Workspace) -> None:
    assert _sequences(workspace) == _FRAMES
    assert validate(workspace).ok
    rows = faces_of(workspace)
    # One frame has lost its subject, and follows the others of its sequence.
    lost = next(key for key, row in rows.items() if row["sequence_id"] == "S010/004")
    names = [None if key == lost else row["subject_id"] for key, row in rows.items()]
    origins = [None if name is None else "dataset" for name in names]
    table = store.replace_columns(store.read_faces(workspace), {"subject_id": names, "subject_origin": origins})
    table = store.replace_columns(table, {name: [None] * len(table) for name in ("emotion", "emotion_origin")})
    store.write_table(workspace.manifest, FACES, table)
    split(workspace, folds=2)
    folds = {row["sequence_id"]: set[int]() for row in rows.values()}
    for row in faces_of(workspace).values():
        folds[row["sequence_id"]].add(row["fold"])
    assert sorted(map(len, folds.values())) == [1, 1, 1]
    assert folds["S010/004"] == folds["S010/002"] != folds["S138/008"]


def test_a_filter_a_later_crop_and_a_rerun_keep_sequences(workspace: Workspace) -> None:
    filter_faces(workspace, FilterOptions(quality="keep-all"))
    assert _sequences(workspace) == _FRAMES
    assert recrop(workspace, RecropOptions(template="centre", crop_px=16)).written == len(_FRAMES)
    assert _sequences(workspace) == _FRAMES
    later = write_tree(workspace.root / "ck", MiniTree(dict.fromkeys([*_FRAMES, _NEXT], ""), {}))
    ingest(later, workspace, IngestOptions(**(vars(OPTIONS) | {"quality": "keep-all"})))
    assert _sequences(workspace) == _FRAMES | {_NEXT: "S011/003"}


def test_merged_workspaces_keep_sequences(workspace: Workspace, tmp_path: Path) -> None:
    label(workspace, sequence_id="corrected")
    merged = Workspace(tmp_path / "merged")
    merge(merged, [workspace])
    assert _sequences(merged) == dict.fromkeys(_FRAMES, "corrected")


def test_sequences_are_copied_to_a_store_and_back_and_corrected_by_value(workspace: Workspace, tmp_path: Path) -> None:
    url, theirs = f"file://{tmp_path}/store", Workspace(tmp_path / "theirs")
    push(workspace, url, allow_restricted=True)
    pull(theirs, url)
    assert list(_sequences(theirs).values()) == list(_sequences(workspace).values())
    # Each side changes another group of labels, and gets that of the other one.
    label(theirs, sequence_id="corrected")
    push(theirs, url, allow_restricted=True)
    label(workspace, intensity=0.5)
    pull(workspace, url)
    rows = store.read_faces(workspace, ("sequence_id", "intensity")).to_pylist()
    assert rows == [{"sequence_id": "corrected", "intensity": 0.5}] * len(_FRAMES)
