"""What a workspace lacks of a recipe's data: the counts, and the same answer as training itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fertools.core.arguments import on_command_line
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import Faces
from fertools.training.data.pairing import Partners
from fertools.training.data.readiness import DataState, find_data, read_kept
from fertools.training.data.selection import select_domains
from fertools.training.recipes.recipe import Recipe
from fertools.training.runs.configuration import configure_run
from tests.training.drawn_pairs import write_drawn_pairs

Row = dict[str, Any]


def keep(row: Row) -> Row:
    return row


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Return the manifest of drawn pairs; no test here reads a crop."""
    found: list[Row] = store.read_faces(write_drawn_pairs(tmp_path_factory.mktemp("pairs"))).to_pylist()
    return found


def write(root: Path, rows: list[Row], change: Callable[[Row], Row | None] = keep) -> Workspace:
    workspace = Workspace(root)
    changed = [row for row in map(change, rows) if row is not None]
    store.write_table(workspace.manifest, FACES, FACES.table(changed))
    return workspace


def recipe_of(system: str, *overrides: str) -> Recipe:
    return configure_run(system, preset="smoke", overrides=overrides, device="cpu").resolved.recipe


def find(workspace: Workspace, recipe: Recipe) -> DataState:
    return find_data(workspace, read_kept(workspace), recipe)


def is_accepted(workspace: Workspace, recipe: Recipe) -> bool:
    """Return whether training would take these faces."""
    try:
        selection = select_domains(workspace, recipe)
        parts: list[Faces] = list(selection.domains.values())
        for other in parts[1:]:
            Partners(parts[0], other, recipe.domain_pairing, 0)
    except InputError:
        return False
    return True


def test_faces_people_labels_and_pairs_are_counted(tmp_path: Path, rows: list[Row]) -> None:
    workspace = write(tmp_path, rows, lambda row: row | {"emotion": None} if row["subject_id"] == "p03" else row)
    state = find(workspace, recipe_of("unpaired", "unpaired_unit=off"))
    assert [(domain.name, domain.faces, domain.labelled, domain.people) for domain in state.domains] == [
        ("visible", 28, 21, 3),
        ("thermal", 28, 21, 3),
    ]
    assert [domain.needs for domain in state.domains] == [("an expression",)] * 2
    assert (state.pairs, state.ready) == (None, True)
    assert find(workspace, recipe_of("cyclegan", "pairing=capture")).pairs == 21, "fold 0 is held out"


def test_in_an_empty_folder_every_domain_lacks_its_faces(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert read_kept(workspace) is None
    state = find(workspace, recipe_of("cyclegan"))
    assert [gap.missing for gap in state.gaps] == ["no visible faces", "no thermal faces"]
    assert on_command_line(state.gaps[1].remedy, str) == "`fertools ingest SOURCE --modality thermal`"


def _without(modality: str) -> Callable[[Row], Row | None]:
    return lambda row: None if row["modality"] == modality else row


CHANGES: dict[str, tuple[str, Callable[[Row], Row | None], tuple[str, ...], str]] = {
    "whole": ("cyclegan", keep, (), ""),
    "pairs": ("cyclegan", keep, ("pairing=capture",), ""),
    "one modality": ("cyclegan", _without("thermal"), (), "no thermal faces"),
    "another dataset": ("unpaired", keep, ("visible_dataset=x",), "no visible faces of the dataset x"),
    "rejected": ("classifier", lambda row: row | {"status": "rejected", "reason": "blur"}, (), "no visible faces"),
    "no labels": ("classifier", lambda row: row | {"emotion": None}, (), "visible faces without expressions"),
    "no ratings": (
        "classifier",
        lambda row: row | {"valence": None, "arousal": None, "va_origin": None},
        ("task=va",),
        "visible faces without valence and arousal",
    ),
    "one label": ("classifier", lambda row: row | {"emotion": "anger"}, (), "one expression among the visible faces"),
    "no split": ("classifier", lambda row: row | {"fold": None}, (), "not split"),
    "a hold-out": (
        "classifier",
        lambda row: row | {"fold": None, "split": "test" if row["subject_id"] == "p00" else "train"},
        (),
        "",
    ),
    "a hold-out of nobody": (
        "classifier",
        lambda row: row | {"fold": None, "split": "train"},
        (),
        "no held-out visible faces with test fold 0",
    ),
    "another fold": ("classifier", keep, ("test_folds=9",), "no held-out visible faces with test fold 9"),
    "all folds": ("classifier", lambda row: row | {"fold": 0}, (), "no training visible faces with test fold 0"),
    "no pairs": (
        "cyclegan",
        lambda row: row | {"pair_id": None},
        ("pairing=capture",),
        "no pairs of one moment (pair_id)",
    ),
    "other labels": (
        "cyclegan",
        lambda row: None if (row["modality"], row["emotion"]) == ("thermal", "fear") else row,
        ("pairing=label",),
        "fear in one domain only",
    ),
    "one training person": (
        "unpaired",
        lambda row: row | {"subject_id": "p00" if row["fold"] == 0 else "p01"},
        (),
        "too few training subjects to divide among the domains",
    ),
    "nobody for validation": (
        "classifier",
        lambda row: row | {"subject_id": "p00" if row["fold"] == 0 else "p01"},
        ("val_share=0.2",),
        "a single training person, and nobody for validation",
    ),
    "no generated faces": (
        "classifier",
        keep,
        ("generated=stargan/x",),
        "no generated faces of stargan/x",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_is_missing_is_named_wherever_training_refuses(tmp_path: Path, rows: list[Row], case: str) -> None:
    system, change, overrides, missing = CHANGES[case]
    workspace, recipe = write(tmp_path, rows, change), recipe_of(system, *overrides)
    state = find(workspace, recipe)
    assert [gap.missing for gap in state.gaps] == ([missing] if missing else [])
    assert all(gap.remedy for gap in state.gaps)
    assert state.ready == is_accepted(workspace, recipe) == (not missing)


def test_faces_without_people_count_each_for_itself(tmp_path: Path, rows: list[Row]) -> None:
    workspace = write(tmp_path, rows, lambda row: row | {"subject_id": None, "subject_origin": None})
    kept = read_kept(workspace)
    assert isinstance(kept, pa.Table)
    state = find_data(workspace, kept, recipe_of("classifier", "val_share=0.2"))
    assert (state.domains[0].people, state.ready) == (0, True)
