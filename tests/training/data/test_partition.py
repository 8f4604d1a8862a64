"""Training faces divided among domains: by person or by moment, and never the same in two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import Faces, Side
from fertools.training.data.selection import select_domains
from fertools.training.recipes.domains import Domain, Modality, Part, PartUnit
from tests.training.data.test_selection import TwoDomains
from tests.training.drawn_pairs import write_drawn_pairs

PEOPLE = 7


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return write_drawn_pairs(tmp_path_factory.mktemp("pairs"), PEOPLE)


MODALITIES: tuple[Modality, ...] = ("visible", "thermal")


def recipe(unit: PartUnit | None, seed: int = 0, samples: int = 0, **options: Any) -> TwoDomains:
    taken = tuple(
        Domain(name, name, needs_emotion=True, samples=samples, part=None if unit is None else Part(unit, number, of=2))
        for number, name in enumerate(MODALITIES)
    )
    return TwoDomains(taken=taken, seed=seed, **options)


def values(faces: Faces, column: str, side: Side = "train") -> set[str]:
    return set(faces.table[column].take(faces.rows(side)).to_pylist())


@pytest.mark.parametrize("unit", ["subject", "sample"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_moment_is_learned_from_in_two_domains(workspace: Workspace, unit: PartUnit, seed: int) -> None:
    found = select_domains(workspace, recipe(unit, seed)).domains
    visible, thermal = found["visible"], found["thermal"]
    moments = [values(faces, "pair_id") for faces in (visible, thermal)]
    assert not moments[0] & moments[1]
    assert len(moments[0] | moments[1]) == (PEOPLE - 1) * 7, "everything is used in one of the two"
    assert abs(len(moments[0]) - len(moments[1])) <= 1
    people = [values(faces, "subject_id") for faces in (visible, thermal)]
    assert bool(people[0] & people[1]) == (unit == "sample")
    assert all(count == 3 for faces in (visible, thermal) for count in faces.counts("train").values())


def test_held_out_and_validation_faces_stay(workspace: Workspace) -> None:
    whole = select_domains(workspace, recipe(None, val_share=0.2)).domains
    parted = select_domains(workspace, recipe("subject", val_share=0.2)).domains
    sides: tuple[Side, ...] = ("val", "test")
    for name in whole:
        for side in sides:
            assert values(parted[name], "face_id", side) == values(whole[name], "face_id", side) != set()
            assert not values(parted[name], "subject_id", side) & values(parted[name], "subject_id")


def test_the_shares_follow_from_the_seed_and_make_another_run(workspace: Workspace) -> None:
    digests = [select_domains(workspace, recipe("sample", seed)).fingerprint() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_samples_are_at_most_so_many_of_each_domain(workspace: Workspace) -> None:
    found = select_domains(workspace, recipe("sample", samples=10))
    assert found.counts() == {"visible": 10, "thermal": 10}
    assert len(found.main.rows("test")) == 7
    assert select_domains(workspace, recipe(None, samples=1000)).counts() == {"visible": 42, "thermal": 42}
    kept = values(found.main, "face_id")
    assert kept < values(select_domains(workspace, recipe("sample")).main, "face_id")
    assert kept != values(select_domains(workspace, recipe("sample", seed=1, samples=10)).main, "face_id")


def rewritten(workspace: Workspace, root: Path, column: str, value: Any) -> Workspace:
    """Return a workspace with one column of the thermal faces changed."""
    rows = store.read_faces(workspace).to_pylist()
    for row in rows:
        if row["modality"] == "thermal":
            row[column] = value(row) if callable(value) else value
    other = Workspace(root)
    store.write_table(other.manifest, FACES, FACES.table(rows))
    return other


def test_samples_without_moments_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    other = rewritten(workspace, tmp_path, "pair_id", None)
    with pytest.raises(InputError, match=r"have no pair_id, .*unpaired_unit=subject"):
        select_domains(other, recipe("sample"))
    assert select_domains(other, recipe("subject")).counts() == {"visible": 21, "thermal": 21}


def test_two_people_of_one_moment_are_in_one_part(workspace: Workspace, tmp_path: Path) -> None:
    other = rewritten(workspace, tmp_path, "pair_id", lambda row: f"{PEOPLE - row['fold']} {row['emotion']}")
    parts = [
        set(faces.table["pair_id"].take(pa.array(faces.rows("train"))).to_pylist())
        for faces in select_domains(other, recipe("subject")).domains.values()
    ]
    assert all(parts)
    assert not parts[0] & parts[1]


def test_people_with_copies_of_one_picture_are_in_one_part(workspace: Workspace, tmp_path: Path) -> None:
    before = select_domains(workspace, recipe("subject")).domains
    faces = [min(values(before[name], "face_id")) for name in MODALITIES]
    table = store.read_faces(workspace)
    people = dict(zip(table["face_id"].to_pylist(), table["subject_id"].to_pylist(), strict=True))
    assert people[faces[0]] != people[faces[1]], "of different parts, and so of different people"
    joined = Workspace(tmp_path)
    store.write_table(joined.manifest, FACES, table)
    joined.save_settings("split", {"links": [" ".join(faces)]})
    parts = [values(one, "subject_id") for one in select_domains(joined, recipe("subject")).domains.values()]
    assert not parts[0] & parts[1]
    assert any({people[face] for face in faces} <= part for part in parts)


def test_a_moment_of_a_person_and_an_animated_character_is_not_shared(workspace: Workspace, tmp_path: Path) -> None:
    # A split may separate a character from the people whom it imitates, so a moment can be in two parts.
    rows = store.read_faces(workspace).to_pylist()
    for row in rows:
        if row["modality"] == "thermal":
            row |= {"modality": "animated", "subject_id": f"character of {row['subject_id']}"}
    other = Workspace(tmp_path)
    store.write_table(other.manifest, FACES, FACES.table(rows))
    visible, thermal = recipe("subject").taken
    taken = (visible, replace(thermal, modality="animated"))
    with pytest.raises(CheckFailed, match=r"the moment \(pair_id\) .* is in the .* of visible and of thermal"):
        select_domains(other, TwoDomains(taken=taken))
    drawn = TwoDomains(taken=tuple(replace(domain, part=Part("sample", n, of=2)) for n, domain in enumerate(taken)))
    assert all(select_domains(other, drawn).counts().values())


def test_too_few_are_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="have 1 subject, too few"):
        select_domains(workspace, recipe("subject", test_folds=tuple(range(PEOPLE - 1))))
    with pytest.raises(InputError, match="remaining training faces of visible show only"):
        select_domains(workspace, recipe("sample", samples=1))


def test_a_domain_may_have_classes_of_its_own(workspace: Workspace) -> None:
    two = ("happiness", "surprise")
    taken = tuple(
        replace(domain, classes=classes) for domain, classes in zip(recipe(None).taken, ((), two), strict=True)
    )
    found = select_domains(workspace, TwoDomains(taken=taken)).domains
    assert [len(faces.classes) for faces in found.values()] == [7, 2]
    assert found["thermal"].counts("train") == {"happiness": 6, "surprise": 6}
    only = found["visible"].only(two)
    assert only.classes == two
    assert np.array_equal(np.bincount(only.emotions), [7, 7])
