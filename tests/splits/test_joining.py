"""Faces that are added after a split join it; no other face moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.split import split
from tests.manifests.rows import Row, build, face, faces_of
from tests.splits.test_split_options import folds_of, people


def _add(workspace: Workspace, rows: list[Row]) -> None:
    table = [*store.read_faces(workspace).to_pylist(), *rows]
    store.write_table(workspace.manifest, FACES, FACES.table(table))


def test_a_new_face_of_a_person_follows_and_new_people_go_where_they_are_needed(tmp_path: Path) -> None:
    workspace = build(tmp_path, people(6))
    split(workspace, folds=3)
    before = {name: row["fold"] for name, row in faces_of(workspace).items()}
    _add(workspace, [face("late", "s0", 70, subject_id="p00"), *people(9)[36:]])
    summary = split(workspace, folds=3)
    assert (summary.joined, summary.changed) == (19, True)
    after = faces_of(workspace)
    assert {name: after[name]["fold"] for name in before} == before
    assert [part.subjects for part in summary.parts] == [3, 3, 3]
    assert not split(workspace, folds=3).changed


@pytest.mark.parametrize("where", ["fertools.manifests.store.write_columns", "fertools.core.files.write_text"])
def test_a_run_that_was_cut_off_while_faces_joined_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    workspace = build(tmp_path, people(6))
    split(workspace, folds=3)
    before = folds_of(workspace)
    _add(workspace, people(9)[36:])

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(where, stop)
            with pytest.raises(KeyboardInterrupt):
                split(workspace, folds=3)
    assert split(workspace, folds=3).joined == 18
    assert before.items() <= folds_of(workspace).items()
    assert not split(workspace, folds=3).changed


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 3),
    count=st.integers(3, 12),
    late=st.sets(st.integers(0, 11), max_size=6),
    options=st.sampled_from([{"folds": 3}, {"holdout": 0.3}, {"holdout": 0.3, "validation": 0.3}, {"loso": True}]),
)
def test_no_old_face_ever_moves_and_nothing_leaks(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, late: set[int], options: dict[str, Any]
) -> None:
    rows = people(count)
    first = [row for row in rows if int(row["subject_id"][1:]) not in late]
    workspace = build(tmp_path_factory.mktemp("w"), first or rows)
    try:
        split(workspace, **options, seed=seed)
    except InputError:
        return  # too few people; refusals have tests of their own
    before = {name: (row["fold"], row["split"]) for name, row in faces_of(workspace).items()}
    _add(workspace, [row for row in rows if row not in first] if first else [])
    split(workspace, **options, seed=seed)
    table = store.read_faces(workspace)
    after = {row["face_id"]: (row["fold"], row["split"]) for row in table.to_pylist()}
    assert {name: after[name] for name in before} == before
    assert (None, None) not in after.values()
    assert find_leaks(table) == []


def test_a_new_face_that_links_two_folds_is_refused_until_told_to_rebalance(tmp_path: Path) -> None:
    workspace = build(tmp_path, people(6))
    split(workspace, loso=True)
    links = [
        face("x", "x.png", subject_id="p00", sequence_id="take"),
        face("y", "y.png", subject_id="p01", sequence_id="take"),
    ]
    _add(workspace, links)
    with pytest.raises(ResumeRefused, match=r"in 1 group: .* links faces of fold 0 and fold 1.*rebalance=True"):
        split(workspace, loso=True)
    summary = split(workspace, loso=True, rebalance=True)
    assert summary.groups == 5
    assert folds_of(workspace)["p00"] == folds_of(workspace)["p01"]


def test_rebalance_assigns_everybody_as_if_for_the_first_time(tmp_path: Path) -> None:
    grown, fresh = build(tmp_path / "a", people(5)), build(tmp_path / "b", people(11))
    split(grown, folds=3)
    _add(grown, people(11)[30:])
    split(grown, folds=3)
    split(grown, folds=3, rebalance=True)
    split(fresh, folds=3)
    assert folds_of(grown) == folds_of(fresh)
    with pytest.raises(ResumeRefused, match="has `folds` 3, not 2"):
        split(grown, folds=2, rebalance=True)
