"""The moves of an audit, made in a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.audit.split_fix import apply_fix
from fertools.splits.split import split
from fertools.training.jobs.audit_split import audit
from tests.training.blobs import write_blobs


@pytest.fixture
def torn(tmp_path: Path) -> Workspace:
    """A split workspace, one of whose faces was put into another fold than its person."""
    workspace = write_blobs(tmp_path)
    split(workspace, folds=3, overwrite=True)
    faces = store.read_faces(workspace)
    folds = faces["fold"].to_pylist()
    folds[0] = (folds[0] + 1) % 3
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"fold": folds}))
    return workspace


def test_the_moves_end_the_leak_and_are_few(torn: Workspace) -> None:
    report = audit(torn, pixels=False, fix=True)
    assert [finding.kind for finding in report.leaks][:1] == ["subject-across"]
    before = store.read_faces(torn)
    assert apply_fix(report) == 1
    after = store.read_faces(torn)
    assert not find_leaks(after)
    assert sum(one != two for one, two in zip(before["fold"].to_pylist(), after["fold"].to_pylist(), strict=True)) == 1
    assert not audit(torn, pixels=False).leaks
    # The record of the split holds for the moved faces, so splitting again changes nothing.
    split(torn, folds=3)
    assert store.read_faces(torn).equals(after)


def test_moves_of_an_older_manifest_are_refused(torn: Workspace) -> None:
    report = audit(torn, pixels=False, fix=True)
    faces = store.read_faces(torn)
    folds = faces["fold"].to_pylist()
    folds[0] = (folds[0] + 1) % 3
    changed = store.replace_columns(faces, {"fold": folds})
    store.write_table(torn.manifest, FACES, changed)
    with pytest.raises(ResumeRefused, match="is no longer in fold"):
        apply_fix(report)
    assert store.read_faces(torn).equals(changed)
