"""Three parts, balance over the VA plane, turns, repeats, copies and published protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import find_leaks
from fertools.splits.resplit import resplit
from fertools.splits.split import split
from tests.manifests.rows import Row, build, face, faces_of
from tests.splits.audit.test_near_duplicates import picture


def people(count: int, **columns: Any) -> list[Row]:
    """Return two faces of three emotions for each of `count` people."""
    return [
        face(f"{n}-{k}", f"s{n}", k, subject_id=f"p{n:02}", emotion=EMOTIONS[k % 3], emotion_origin="folder", **columns)
        for n in range(count)
        for k in range(6)
    ]


def folds_of(workspace: Workspace) -> dict[str, int]:
    """Return the fold of each person."""
    return {row["subject_id"]: row["fold"] for row in faces_of(workspace).values()}


def test_a_holdout_with_validation_has_three_parts(tmp_path: Path) -> None:
    workspace = build(tmp_path, people(10))
    summary = split(workspace, holdout=0.2, validation=0.1)
    assert [(part.name, part.subjects) for part in summary.parts] == [("train", 7), ("val", 1), ("test", 2)]
    assert {row["split"] for row in faces_of(workspace).values()} == {"train", "val", "test"}
    assert not split(workspace, holdout=0.2, validation=0.1).changed


def test_a_class_without_a_training_face_is_refused(tmp_path: Path) -> None:
    rows = [row | {"emotion": "fear" if row["subject_id"] in ("p00", "p01") else "anger"} for row in people(3)]
    with pytest.raises(InputError, match=r"all faces of \w+ are in the (val|test)"):
        split(build(tmp_path, rows), holdout=0.4, validation=0.4)


def test_a_split_balanced_over_the_va_plane_spreads_it_better(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = [
        row | {"valence": float(v), "arousal": float(a), "va_origin": "people"}
        for n in range(16)
        for row, v, a in zip(
            [row for row in people(16) if row["subject_id"] == f"p{n:02}"],
            rng.choice([-0.8, 0.8], 1).repeat(6),
            rng.choice([-0.8, 0.8], 1).repeat(6),
            strict=True,
        )
    ]
    workspace = build(tmp_path, rows)
    assert {part.va_distance for part in split(workspace, folds=4).parts} == {None}
    plain = folds_of(workspace)
    summary = split(workspace, folds=4, balance="va", overwrite=True)
    place = {row["subject_id"]: (row["valence"], row["arousal"]) for row in rows}

    def distances(folds: dict[str, int]) -> list[float]:
        kinds = sorted(set(place.values()))
        share = np.array([[sum(folds[p] == f and place[p] == k for p in folds) for k in kinds] for f in range(4)])
        whole = share.sum(axis=0) / share.sum()
        return list(np.abs(share / share.sum(axis=1, keepdims=True) - whole).sum(axis=1) / 2)

    assert [part.va_distance for part in summary.parts] == pytest.approx(distances(folds_of(workspace)))
    assert sum(distances(folds_of(workspace))) <= sum(distances(plain))
    means = [part.valence for part in summary.parts]
    assert means == pytest.approx(
        [np.mean([place[p][0] for p, f in folds_of(workspace).items() if f == fold]) for fold in range(4)]
    )


def test_turns_give_person_i_the_fold_i_modulo_their_number(tmp_path: Path) -> None:
    workspace = build(tmp_path, people(7))
    split(workspace, folds=3, balance="turns")
    assert folds_of(workspace) == {f"p{n:02}": n % 3 for n in range(7)}


def test_repeats_are_the_folds_that_recipes_get(tmp_path: Path) -> None:
    workspace = build(tmp_path, people(9))
    summary = split(workspace, folds=3, repeats=3)
    assert len(summary.repeats) == 3
    assert summary.repeats[0] == summary.imbalance
    assert workspace.settings()["split"]["repeats"] == 3
    for seed in (1, 2):
        assert find_leaks(resplit(workspace, store.read_faces(workspace), seed)) == []


def _with_copies(root: Path) -> Workspace:
    """Return six people, of whom the first two share a picture, once mirrored."""
    rows = people(6)
    workspace = build(root, rows)
    for number, row in enumerate(rows):
        pixels = picture(number if row["subject_id"] != "p01" else number - 6)
        path = workspace.root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), pixels[:, ::-1] if number == 6 else pixels + number * (number > 11))
    return workspace


def test_people_with_copies_of_one_picture_stay_together(tmp_path: Path) -> None:
    workspace = _with_copies(tmp_path)
    assert split(workspace, folds=5).groups == 6
    summary = split(workspace, folds=5, near_duplicates=True, overwrite=True)
    assert summary.groups == 5
    folds = folds_of(workspace)
    assert folds["p00"] == folds["p01"]
    assert len(workspace.settings()["split"]["links"]) == 1
    for row in faces_of(workspace).values():
        (workspace.root / row["path"]).unlink()
    # The record has the copies, so neither the same split again nor other folds read pictures.
    assert not split(workspace, folds=5, near_duplicates=True).changed
    workspace = _with_copies(tmp_path / "repeats")
    split(workspace, folds=3, near_duplicates=True)
    for seed in range(1, 8):
        other = resplit(workspace, store.read_faces(workspace), seed)
        found = dict(zip(other["subject_id"].to_pylist(), other["fold"].to_pylist(), strict=True))
        assert found["p00"] == found["p01"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 3, "validation": 0.1}, "`validation` needs `holdout`"),
        ({"holdout": 0.6, "validation": 0.4}, "leaves nothing for training"),
        ({"holdout": 0.6, "validation": 0.0}, "`validation` is 0.0; give a share"),
        ({"loso": True, "repeats": 2}, "`repeats` needs `folds`"),
        ({"folds": 3, "repeats": 0}, "`repeats` is 0"),
        ({"folds": 3, "repeats": 2, "balance": "turns"}, "`repeats` needs `folds`"),
        ({"holdout": 0.2, "balance": "turns"}, "needs `folds`"),
        ({"loso": True, "balance": "va"}, "nothing can be balanced"),
        ({"folds": 3, "balance": "even"}, "choose one of classes, va, turns"),
        ({"folds": 3, "protocol": "ckplus-10fold"}, "`protocol` says how to split"),
        ({"protocol": "ckplus-10folds"}, "did you mean ckplus-10fold"),
    ],
)
def test_options_that_exclude_each_other_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(tmp_path, **options)


@pytest.mark.parametrize(
    ("name", "dataset", "protocol", "parts"),
    [
        ("ckplus-10fold", "ckplus", "folds", 10),
        ("oulu-10fold", "oulu-casia", "folds", 10),
        ("mahnob-loso", "mahnob-laughter", "loso", 12),
        ("bu3dfe-80-20", "bu-3dfe", "holdout", 2),
        ("emotionet-5fold", "emotionet", "folds", 5),
        ("sfew-2fold", "sfew", "folds", 2),
    ],
)
def test_a_published_protocol_splits_its_dataset(
    tmp_path: Path, name: str, dataset: str, protocol: str, parts: int
) -> None:
    workspace = build(tmp_path, people(12, dataset=dataset))
    summary = split(workspace, protocol=name)
    assert (summary.protocol, len(summary.parts)) == (protocol, parts)
    if name == "oulu-10fold":
        assert folds_of(workspace)["p11"] == 1
    if name == "ckplus-10fold":
        assert "ckplus-10fold has 118 people, but the manifest has 12" in summary.warnings


def test_a_protocol_of_another_dataset_is_refused(tmp_path: Path) -> None:
    workspace = build(tmp_path, [*people(11, dataset="ckplus"), face("z", subject_id="z", dataset="jaffe")])
    with pytest.raises(InputError, match="is for the dataset ckplus, and 1 of 67 faces are of jaffe"):
        split(workspace, protocol="ckplus-10fold")
    assert pa.compute.all(store.read_faces(workspace)["fold"].is_null()).as_py()
