"""The faces that a recipe trains on and holds out, domain by domain."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.training.data.balancing import read_soft_labels
from fertools.training.data.faces import Faces, Side, refuse_leaks, select_faces
from fertools.training.recipes.domains import Domain
from fertools.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class Selection:
    """The faces of a run.

    Attributes:
        domains: by name, in the recipe's order; the first is the one that the system is tested on.
    """

    domains: Mapping[str, Faces]

    @property
    def main(self) -> Faces:
        """The faces of the first domain."""
        return next(iter(self.domains.values()))

    def fingerprint(self) -> str:
        """Return a digest of everything about these faces that training depends on."""
        if len(self.domains) == 1:
            return self.main.fingerprint()
        named = [f"{name} {faces.fingerprint()}".encode() for name, faces in self.domains.items()]
        return hash_bytes(*named)

    def counts(self) -> dict[str, int]:
        """Return the number of faces in an epoch by domain."""
        return {name: int(faces.in_an_epoch().sum()) for name, faces in self.domains.items()}


def select_domains(workspace: Workspace, recipe: Recipe) -> Selection:
    """Return the faces that a recipe takes of a workspace.

    Raises:
        InputError: see `select_faces` and `read_soft_labels`; or a side has no label of a kind that is learned.
        CheckFailed: a person is on both sides, in one domain or across two.
    """
    found: dict[str, Faces] = {}
    for domain in recipe.domains:
        faces = _select(workspace, recipe, domain)
        validating = faces.held_out if recipe.stops_on_test else faces.validating
        found[domain.name] = dataclasses.replace(
            faces, validating=validating, trains_on_test=recipe.trains_on_test, real_copies=domain.real_copies
        )
    if len(found) > 1:
        _refuse_leaks_across(found)
    first = next(iter(found))
    _refuse_unlabelled(found[first], recipe)
    if recipe.soft_labels:
        soft_labels = read_soft_labels(workspace.root / recipe.soft_labels, found[first])
        found[first] = dataclasses.replace(found[first], soft_labels=soft_labels)
    return Selection(found)


def _select(workspace: Workspace, recipe: Recipe, domain: Domain) -> Faces:
    return select_faces(
        workspace,
        modality=domain.modality,
        dataset=domain.dataset,
        generated=domain.generated,
        generated_ratio=domain.generated_ratio,
        extra_modality=domain.extra_modality,
        test_folds=recipe.test_folds,
        needs_emotion=domain.needs_emotion,
        needs_va=domain.needs_va,
        classes=recipe.class_names,
        val_share=recipe.inner_validation,
    )


def _refuse_leaks_across(domains: Mapping[str, Faces]) -> None:
    """Raise if somebody is held out in one domain and trained on in another."""
    tables = pa.concat_tables([faces.table for faces in domains.values()])
    held_out = np.concatenate([faces.held_out for faces in domains.values()])
    # Two domains may share faces; each face counts once.
    _, once = np.unique(np.asarray(tables["face_id"].to_pylist()), return_index=True)
    refuse_leaks(tables.take(pa.array(np.sort(once))), held_out[np.sort(once)])


def _refuse_unlabelled(faces: Faces, recipe: Recipe) -> None:
    """Raise if no face of a side has a label that the system predicts: it could neither learn it nor be measured by it.

    Raises:
        InputError: the message names the side and the kind of label.
    """
    known: dict[str, tuple[bool, NDArray[np.bool_]]] = {
        "an expression": (recipe.predicts_emotion, faces.emotions >= 0),
        "valence and arousal": (
            recipe.predicts_va,
            np.isfinite(faces.valence_arousal[:, 0] + faces.valence_arousal[:, 1]),
        ),
    }
    words: dict[Side, str] = {"train": "training", "val": "validation", "test": "held-out"}
    for kind, (told, labelled) in known.items():
        for side, name in words.items():
            rows = faces.rows(side)
            if told and len(rows) and not labelled[rows].any():
                raise InputError(
                    f"no {name} face has {kind}, which this system is to predict; label some, split again, or set "
                    "another task"
                )
