"""Characters beside people in a split: the people are spread as if there were none, and a character stays whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.hashing import hash_bytes
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import COLUMNS, find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.characters import assign_beside
from fertools.splits.resplit import resplit
from fertools.splits.split import split
from tests.training.blobs import blob_rows

PEOPLE = 7


def _workspace(root: Path, characters: int) -> Workspace:
    rows = [{**row, "fold": None} for row in blob_rows(PEOPLE)]
    people = [{name: value for name, value in row.items() if name != "_picture"} for row in rows]
    for number in range(characters):
        # A character has three times as many pictures as a person, and plays the first one in some of them.
        for copy in range(3):
            rows_of = [row for row in people if row["subject_id"] == people[0]["subject_id"]]
            rows += [_played(row, f"c{number}", copy) for row in rows_of]
    table = FACES.table([{name: value for name, value in row.items() if name != "_picture"} for row in rows])
    workspace = Workspace(root)
    store.write_table(workspace.manifest, FACES, table)
    return workspace


def _played(row: dict[str, Any], character: str, copy: int) -> dict[str, Any]:
    face_id = hash_bytes(f"{character} {copy} {row['face_id']}".encode())
    return (
        row
        | {"face_id": face_id, "source_id": face_id, "path": f"faces/{face_id[:2]}/{face_id}.png"}
        | {"modality": "animated", "subject_id": character, "pair_id": row["face_id"] if not copy else None}
    )


def _folds(workspace: Workspace) -> dict[str, set[int]]:
    rows = store.read_faces(workspace).to_pylist()
    return {
        name: {row["fold"] for row in rows if row["subject_id"] == name} for name in {r["subject_id"] for r in rows}
    }


@pytest.mark.parametrize("protocol", [{"folds": 3}, {"loso": True}])
def test_people_are_spread_as_if_there_were_no_characters(tmp_path: Path, protocol: dict[str, object]) -> None:
    alone, beside = _workspace(tmp_path / "alone", 0), _workspace(tmp_path / "beside", 2)
    parts = [len(split(workspace, **protocol).parts) for workspace in (alone, beside)]  # type: ignore[arg-type]
    assert parts[0] == parts[1]
    folds = _folds(beside)
    assert {name: found for name, found in folds.items() if not name.startswith("c")} == _folds(alone)
    assert len(folds["c0"]) == len(folds["c1"]) == 1
    assert folds["c0"] != folds["c1"]
    assert find_leaks(store.read_faces(beside).select(list(COLUMNS))) == []


def test_other_folds_are_those_without_characters_too(tmp_path: Path) -> None:
    folds = []
    for number in (0, 2):
        workspace = _workspace(tmp_path / str(number), number)
        split(workspace, folds=3)
        rows = resplit(workspace, store.read_faces(workspace), seed=5).to_pylist()
        folds.append({row["face_id"]: row["fold"] for row in rows if row["modality"] == "visible"})
    assert folds[0] == folds[1]


def test_characters_alone_are_split_like_people(tmp_path: Path) -> None:
    workspace = _workspace(tmp_path, 3)
    table = store.read_faces(workspace)
    drawn = table.filter(np.array(table["modality"].to_pylist()) == "animated")
    store.write_table(workspace.manifest, FACES, drawn)
    assert [part.faces for part in split(workspace, folds=3).parts] == [3 * len(EMOTIONS)] * 3


def test_a_character_goes_where_characters_have_the_fewest_faces() -> None:
    counts = np.array([[10], [1], [6], [5], [1]])
    characters = np.array([True, False, True, True, False])
    folds = assign_beside(np.array([1, 0]), counts, np.array([0.5, 0.5]), characters)
    assert folds.tolist() == [0, 1, 1, 1, 0]
