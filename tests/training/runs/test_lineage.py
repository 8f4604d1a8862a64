"""Lineage: the people whom a run has learned from, found by the content of a file of weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.jobs.train import train
from fertools.training.runs.ancestry import find_known_people
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import (
    METADATA_KEY,
    PEOPLE_BYTES,
    Lineage,
    describe_people,
    digest_person,
    read_lineage,
    read_metadata,
    trace_weights,
)
from tests.training.blobs import blob_rows, write_blobs

FIRST_STATE = "models/network.safetensors"


def train_small(workspace: Workspace, run: str, *overrides: str, allow_leaks: bool = False) -> RunFolder:
    """Train a classifier for an iteration or two."""
    settings = ["epochs=0.1", "val_share=0", "image_size=32", *overrides]
    train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run=run, allow_leaks=allow_leaks)
    return RunFolder(workspace.runs("classifier") / run)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a run that holds out fold 1 and so has learned from fold 0."""
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    train_small(workspace, "source", "test_folds=1")
    return workspace


@pytest.fixture
def workspace(trained: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it to change."""
    shutil.copytree(trained.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


def test_a_run_records_whom_it_has_learned_from(trained: Workspace) -> None:
    folder = RunFolder(trained.runs("classifier") / "source")
    lineage, record = read_lineage(folder), folder.read()
    assert lineage is not None
    assert record is not None
    assert lineage.people == {digest_person(f"p{number:02}", "") for number in (0, 2, 3)}
    assert lineage.record["run"] == "classifier/source"
    assert lineage.record["test_folds"] == [1]
    assert lineage.record["faces"] == record["data"]["fingerprint"]
    assert lineage.record["pixels"] == record["data"]["pixels"]
    assert lineage.record["people"] == 3
    assert lineage.record["ancestors"] == lineage.record["leaks"] == []


@pytest.mark.parametrize("wanted", [FIRST_STATE, "checkpoints"])
@pytest.mark.parametrize("place", ["inside", "copied", "linked"])
def test_test_people_behind_weights_are_found_wherever_the_file_lies(
    workspace: Workspace, tmp_path: Path, wanted: str, place: str
) -> None:
    path = workspace.runs("classifier") / "source" / wanted
    if path.is_dir():
        path = max(path.glob("0*.safetensors"))
    other = tmp_path / "innocent.safetensors"
    if place == "copied":
        shutil.copy(path, other)
    if place == "linked":
        other.symlink_to(path)
    ancestor = trace_weights(workspace, path if place == "inside" else other, "x")
    assert [lineage.run for lineage in ancestor.lineages] == ["classifier/source"]
    (sentence,) = find_known_people(store.read_faces(workspace, filters=[("fold", "=", 0)]), [ancestor])
    assert sentence == "the weights 'x' (of the run classifier/source) learned from 1 person held out here (p00)"
    assert find_known_people(store.read_faces(workspace, filters=[("fold", "=", 1)]), [ancestor]) == []


def test_training_on_from_them_is_refused_and_can_be_allowed(workspace: Workspace, tmp_path: Path) -> None:
    shutil.copy(workspace.runs("classifier") / "source" / FIRST_STATE, tmp_path / "innocent.safetensors")
    begin = f"pretrained={tmp_path}/innocent.safetensors"
    words = r"classifier/next would be tested on people whom it has learned from: .*\(p00\)"
    with pytest.raises(CheckFailed, match=words):
        train_small(workspace, "next", "test_folds=0", begin)
    folder = train_small(workspace, "next", "test_folds=0", begin, allow_leaks=True)
    lineage = read_lineage(folder)
    assert lineage is not None
    assert len(lineage.record["leaks"]) == 1
    assert lineage.record["ancestors"][0]["runs"][0]["run"] == "classifier/source"
    page = folder.report_path.read_text(encoding="utf-8")
    assert "Test people have a part in training." in page
    assert "What it builds upon" in page


def test_a_run_that_is_named_as_the_beginning_is_traced_as_well(workspace: Workspace) -> None:
    with pytest.raises(CheckFailed, match=r"the weights 'classifier/source' learned from 1 person .*\(p00\)"):
        train_small(workspace, "next", "test_folds=0", "pretrained=classifier/source")
    lineage = read_lineage(train_small(workspace, "next", "test_folds=1", "pretrained=classifier/source"))
    assert lineage is not None
    assert lineage.record["ancestors"][0]["runs"][0]["run"] == "classifier/source"


def test_people_are_passed_on_from_run_to_run(workspace: Workspace) -> None:
    folder = train_small(workspace, "second", "test_folds=1", f"pretrained=training/classifier/source/{FIRST_STATE}")
    page = folder.report_path.read_text(encoding="utf-8")
    assert "What it builds upon" in page
    assert "have a part in training" not in page
    # The run in the middle is gone, and so is the one it began with; the model file still says whom they have seen.
    kept = workspace.root / "kept.safetensors"
    shutil.copy(folder.root / FIRST_STATE, kept)
    shutil.rmtree(workspace.runs("classifier"))
    ancestor = trace_weights(workspace, kept, "kept")
    (lineage,) = ancestor.lineages
    assert lineage.record["ancestors"][0]["runs"][0]["run"] == "classifier/source"
    with pytest.raises(CheckFailed, match="p00"):
        train_small(workspace, "third", "test_folds=0", "pretrained=kept.safetensors")


def test_a_run_that_builds_upon_none_of_its_test_people_resumes(workspace: Workspace) -> None:
    begin = f"pretrained=training/classifier/source/{FIRST_STATE}"
    before = read_lineage(train_small(workspace, "again", "test_folds=1", begin))
    assert read_lineage(train_small(workspace, "again", "test_folds=1", begin)) == before


def test_of_weights_from_elsewhere_nobody_is_known(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "own.pth").write_bytes(b"weights")
    assert trace_weights(workspace, tmp_path / "own.pth", "own.pth").lineages == ()
    (tmp_path / "own.safetensors").write_bytes(b"no header")
    assert trace_weights(workspace, tmp_path / "own.safetensors", "own").lineages == ()


def test_a_face_of_nobody_known_is_a_person_and_a_generated_one_is_its_parent() -> None:
    rows = pa.table({"subject_id": ["a", None, None], "face_id": ["1", "2", "3"], "parent_id": [None, None, "2"]})
    assert describe_people(rows) == {digest_person("a", "1"), digest_person(None, "2")}


def test_metadata_hold_it_and_what_they_hold_is_not_trusted() -> None:
    people = frozenset({"00" * PEOPLE_BYTES, "ff" * PEOPLE_BYTES})
    lineage = Lineage({"run": "classifier/ü", "people": 2}, people, frozenset({"ff" * PEOPLE_BYTES}))
    metadata = lineage.to_metadata()
    assert read_metadata(metadata) == lineage
    for damaged in ({}, {METADATA_KEY: "["}, {METADATA_KEY: "[]"}, {METADATA_KEY: json.dumps({"people": 1})}):
        assert read_metadata(metadata | damaged if damaged else {}) is None
    assert read_metadata({**metadata, "fertools.people": "AAAA"}) is None


def test_a_damaged_list_of_people_is_said(workspace: Workspace) -> None:
    folder = RunFolder(workspace.runs("classifier") / "source")
    np.save(folder.people_path, np.zeros(5))
    with pytest.raises(InputError, match=r"people.npy is not a list of people"):
        read_lineage(folder)


def test_every_person_of_a_large_manifest_has_a_digest_of_its_own() -> None:
    assert len({digest_person(f"p{number}", "") for number in range(20_000)}) == 20_000


def test_validated_people_have_a_part(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(subjects=5))
    lineage = read_lineage(train_small(workspace, "validated", "test_folds=0", "val_share=0.3"))
    assert lineage is not None
    assert lineage.record["people"] == 4
