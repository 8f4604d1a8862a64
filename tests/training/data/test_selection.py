"""Faces of several domains: each person is in one split part in all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.errors import CheckFailed, InputError
from fertools.training.data.faces import Faces, Side, select_faces
from fertools.training.data.selection import Selection, select_domains
from fertools.training.recipes.domains import Domain
from fertools.training.recipes.recipe import Recipe
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import tiny_recipe

Row = dict[str, Any]
VISIBLE, THERMAL = Domain("source", "visible", needs_emotion=True), Domain("target", "thermal")


@dataclass(frozen=True, kw_only=True)
class TwoDomains(Recipe):
    """A recipe of any domains."""

    image_size: int = 16
    test_folds: tuple[int, ...] = (0,)
    split_seed: int = 0
    seed: int = 0
    val_share: float = 0.0
    taken: tuple[Domain, ...] = (VISIBLE, THERMAL)

    @property
    def domains(self) -> tuple[Domain, ...]:
        return self.taken

    @property
    def inner_validation(self) -> float:
        return self.val_share


def thermal_rows(subjects: int, **changes: Any) -> list[Row]:
    """Return thermal faces of the same people, in the same folds."""
    rows = blob_rows(subjects)
    for row in rows:
        row["face_id"] = name = row["face_id"][::-1]
        row |= {"path": f"faces/{name[:2]}/{name}.png", "modality": "thermal", "emotion": None, "emotion_origin": None}
        row |= changes
    return rows


def people(faces: Faces, side: Side) -> set[str]:
    return set(faces.table["subject_id"].take(faces.rows(side)).to_pylist())


def test_each_domain_has_its_own_faces_in_the_recipe_s_order(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(4) + thermal_rows(3))
    selection = select_domains(workspace, TwoDomains())
    assert list(selection.domains) == ["source", "target"]
    assert selection.main is selection.domains["source"]
    assert selection.counts() == {"source": 3 * 7, "target": 2 * 7}
    for domain, modality in (("source", "visible"), ("target", "thermal")):
        faces = selection.domains[domain]
        assert set(faces.table["modality"].to_pylist()) == {modality}
        assert people(faces, "test") == {"p00"}
    assert set(selection.domains["target"].emotions.tolist()) == {-1}, "this one needs no labels"
    with pytest.raises(InputError, match="no face has one of the seven expressions"):
        select_domains(workspace, TwoDomains(taken=(VISIBLE, dataclasses.replace(THERMAL, needs_emotion=True))))


def test_a_domain_may_be_a_dataset(tmp_path: Path) -> None:
    rows = blob_rows(4)
    for row in rows:
        row["dataset"] = "lab" if row["emotion"] == "fear" else "wild"
    taken = (Domain("lab", "visible", "lab"), Domain("wild", "visible", "wild"))
    selection = select_domains(write_blobs(tmp_path, rows), TwoDomains(taken=taken))
    assert selection.counts() == {"lab": 3, "wild": 3 * 6}
    with pytest.raises(InputError, match="no kept visible faces of the dataset 'web'"):
        select_domains(write_blobs(tmp_path, rows), TwoDomains(taken=(Domain("web", "visible", "web"),)))


def test_who_is_held_out_in_one_domain_and_trained_on_in_another_is_refused(tmp_path: Path) -> None:
    """Each domain alone is free of leaks."""
    thermal = thermal_rows(4)
    for row in thermal:
        row["fold"] = (row["fold"] + 1) % 4
    workspace = write_blobs(tmp_path, blob_rows(4) + thermal)
    for domain in (VISIBLE, THERMAL):
        select_domains(workspace, TwoDomains(taken=(domain,)))
    with pytest.raises(CheckFailed, match="leaks between training and held-out faces, the first: subject p0"):
        select_domains(workspace, TwoDomains())


def test_two_domains_may_share_faces(tmp_path: Path) -> None:
    taken = (VISIBLE, Domain("again", "visible"))
    selection = select_domains(write_blobs(tmp_path, blob_rows(4)), TwoDomains(taken=taken))
    assert selection.counts() == {"source": 21, "again": 21}


def test_the_same_people_are_kept_for_validation_in_all_domains(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(9) + thermal_rows(8))
    selection = select_domains(workspace, TwoDomains(val_share=0.25))
    source, target = selection.domains.values()
    kept = people(source, "val")
    assert len(kept) == 2
    assert people(target, "val") == kept & {f"p{number:02}" for number in range(8)} != set()
    assert people(target, "train").isdisjoint(kept)
    assert people(target, "test") == people(source, "test") == {"p00"}
    for faces in (source, target):
        sides: tuple[Side, ...] = ("train", "val", "test")
        rows = np.concatenate([faces.rows(side) for side in sides])
        assert sorted(rows.tolist()) == list(range(len(faces.table)))
    plain = select_domains(workspace, TwoDomains())
    assert all(not len(faces.rows("val")) for faces in plain.domains.values())


def test_a_set_of_folds_is_held_out(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(5) + thermal_rows(5))
    for faces in select_domains(workspace, TwoDomains(test_folds=(1, 3))).domains.values():
        assert people(faces, "test") == {"p01", "p03"}
        assert people(faces, "train") == {"p00", "p02", "p04"}
    alone = select_faces(workspace, modality="visible", test_folds=[3, 1], needs_emotion=True, needs_va=False)
    assert people(alone, "test") == {"p01", "p03"}
    with pytest.raises(InputError, match="test_folds has 7, and the manifest's folds go from 0 to 4"):
        select_domains(workspace, TwoDomains(test_folds=(0, 7)))
    with pytest.raises(InputError, match="no labelled face is left in the training part"):
        select_domains(workspace, TwoDomains(test_folds=(0, 1, 2, 3, 4)))


@pytest.mark.parametrize(("text", "expected"), [("1", (1,)), ("[1]", (1,)), ("[3, 0]", (0, 3))])
def test_a_recipe_is_told_a_fold_or_several(text: str, expected: tuple[int, ...]) -> None:
    assert tiny_recipe(f"test_folds={text}").test_folds == expected


def test_the_fingerprint_depends_on_every_domain(tmp_path: Path) -> None:
    def fingerprint(rows: list[Row], **options: Any) -> str:
        return select_domains(write_blobs(tmp_path, rows), TwoDomains(**options)).fingerprint()

    rows: list[Row] = blob_rows(4) + thermal_rows(4)
    one = fingerprint(rows)
    assert fingerprint(rows) == one
    assert fingerprint(rows, test_folds=(1,)) == one, "which are held out is the recipe's own"
    alone = select_domains(write_blobs(tmp_path, rows), TwoDomains(taken=(VISIBLE,)))
    assert alone.fingerprint() == alone.main.fingerprint(), "one domain is what it was before there were several"
    rows[-1]["subject_id"] = None
    assert fingerprint(rows) != one
    domains: Mapping[str, Faces] = select_domains(write_blobs(tmp_path, rows), TwoDomains()).domains
    swapped = Selection(dict(zip(domains, reversed(list(domains.values())), strict=True)))
    assert swapped.fingerprint() != Selection(domains).fingerprint()


def test_a_domain_that_only_tests_has_no_training_faces_and_still_no_shared_people(tmp_path: Path) -> None:
    wild = dataclasses.replace(THERMAL, name="wild", tested_only=True)
    workspace = write_blobs(tmp_path, blob_rows(3) + thermal_rows(3))
    selection = select_domains(workspace, TwoDomains(taken=(VISIBLE, wild), val_share=0.4))
    faces = selection.domains["wild"]
    assert [len(faces.rows(side)) for side in ("train", "val", "test")] == [0, 0, 7]
    assert selection.counts()["wild"] == 0
    moved = [row | {"fold": (row["fold"] + 1) % 3} for row in thermal_rows(3)]
    write_blobs(tmp_path, blob_rows(3) + moved)
    with pytest.raises(CheckFailed, match="leaks between training and held-out faces"):
        select_domains(workspace, TwoDomains(taken=(VISIBLE, wild)))
