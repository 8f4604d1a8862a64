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
from fertools.manifests import store
from fertools.splits.split_record import read_record
from fertools.training.data.balancing import read_soft_labels
from fertools.training.data.faces import Faces, Side, refuse_leaks, select_faces
from fertools.training.data.partition import divide_training
from fertools.training.recipes.domains import Domain, Pairing
from fertools.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class Selection:
    """The faces of a run.

    Attributes:
        domains: faces by name of the domain, in the order of the recipe. The system is tested on the first domain.
        pairing: how the faces of later domains are chosen. With `capture`, training depends on `pair_id`.
    """

    domains: Mapping[str, Faces]
    pairing: Pairing = "none"

    @property
    def main(self) -> Faces:
        """The faces of the first domain."""
        return next(iter(self.domains.values()))

    def fingerprint(self) -> str:
        """Return a digest of the columns that training depends on, over all domains."""
        if len(self.domains) == 1:
            return self.main.fingerprint()
        named = [f"{name} {faces.fingerprint()}".encode() for name, faces in self.domains.items()]
        if self.pairing == "capture":
            tables = (faces.table for faces in self.domains.values())
            named += [store.fingerprint(table, ("face_id", "pair_id")).encode() for table in tables]
        return hash_bytes(*named)

    def source_fingerprint(self) -> str:
        """Return a digest of the rows that the real faces were taken from; the folds of a protocol share it."""
        return hash_bytes(*(faces.source.encode() for faces in self.domains.values()))

    def counts(self) -> dict[str, int]:
        """Return the number of faces in an epoch by domain."""
        return {name: int(faces.in_an_epoch().sum()) for name, faces in self.domains.items()}


def select_domains(workspace: Workspace, recipe: Recipe, *, allow_leaks: bool = False) -> Selection:
    """Return the faces of a workspace that a recipe uses.

    Args:
        workspace: workspace with the manifest.
        recipe: recipe with the domains, the folds and the classes.
        allow_leaks: whether to use generated faces of a generator that was trained on a held-out fold.


    Raises:
        InputError: see `select_faces`, `divide_training` and `read_soft_labels`. Or a split part has no label of a kind
            that the system predicts.
        CheckFailed: a person is in two parts, in one domain or across two. Or a generator was trained on a held-out
            fold. See also `divide_training`.
    """
    found: dict[str, Faces] = {}
    for domain in recipe.domains:
        faces = _select(workspace, recipe, domain, allow_leaks=allow_leaks)
        validating = faces.held_out if recipe.stops_on_test else faces.validating
        faces = dataclasses.replace(
            faces, validating=validating, trains_on_test=recipe.trains_on_test, real_copies=domain.real_copies
        )
        found[domain.name] = faces.keep(faces.held_out) if domain.tested_only else faces
    if len(found) > 1:
        _refuse_leaks_across(found)
    found = divide_training(found, recipe.domains, recipe.seed, read_record(workspace))
    labelled = {
        domain.name: found[domain.name]
        for domain in recipe.domains
        if (domain.pairing or recipe.domain_pairing) == "label"
    }
    if labelled:
        _refuse_differing_classes(labelled)
    first = next(iter(found))
    _refuse_unlabelled(found[first], recipe)
    if recipe.soft_label_file:
        soft_labels = read_soft_labels(workspace.root / recipe.soft_label_file, found[first])
        found[first] = dataclasses.replace(found[first], soft_labels=soft_labels)
    return Selection(found, recipe.domain_pairing)


def _select(workspace: Workspace, recipe: Recipe, domain: Domain, *, allow_leaks: bool) -> Faces:
    return select_faces(
        workspace,
        modality=domain.modality,
        dataset=domain.dataset,
        generated=domain.generated,
        generated_ratio=domain.generated_ratio,
        extra_modality=domain.extra_modality,
        test_folds=recipe.test_folds,
        split_seed=recipe.split_seed,
        needs_emotion=domain.needs_emotion,
        needs_va=domain.needs_va,
        classes=domain.classes or recipe.class_names,
        val_share=recipe.inner_validation,
        character=domain.character,
        allow_leaks=allow_leaks,
    )


def _refuse_leaks_across(domains: Mapping[str, Faces]) -> None:
    """Raise if a person is held out in one domain and trained on in another."""
    tables = pa.concat_tables([faces.table for faces in domains.values()])
    held_out = np.concatenate([faces.held_out for faces in domains.values()])
    # Two domains may share faces; each face counts once.
    _, once = np.unique(np.asarray(tables["face_id"].to_pylist()), return_index=True)
    refuse_leaks(tables.take(pa.array(np.sort(once))), held_out[np.sort(once)])


def _refuse_differing_classes(domains: Mapping[str, Faces]) -> None:
    """Raise if the training faces of a domain show an expression that those of another do not.

    Raises:
        InputError: faces of such an expression would have no partner; the message names the domain and the expression.
    """
    shown = {name: {kind for kind, count in faces.counts("train").items() if count} for name, faces in domains.items()}
    everything = set().union(*shown.values())
    for name, kinds in shown.items():
        if missing := sorted(everything - kinds):
            raise InputError(
                f"pairing is label, and no training face of the domain {name} shows {' or '.join(missing)}, which "
                "another domain shows; add some, leave out those of the other, or set pairing=none"
            )


def _refuse_unlabelled(faces: Faces, recipe: Recipe) -> None:
    """Raise if a split part has no label of a kind that the system predicts.

    Raises:
        InputError: the message names the part and the kind of label.
    """
    known: dict[str, tuple[bool, NDArray[np.bool_]]] = {
        "an expression": (recipe.predicts_emotion, faces.emotions >= 0),
        "valence and arousal": (
            recipe.predicts_va,
            np.isfinite(faces.valence_arousal[:, 0] + faces.valence_arousal[:, 1]),
        ),
    }
    words: dict[Side, str] = {"train": "training", "val": "validation", "test": "held-out"}
    for kind, (predicted, labelled) in known.items():
        for side, name in words.items():
            rows = faces.rows(side)
            if predicted and len(rows) and not labelled[rows].any():
                raise InputError(
                    f"no {name} face has {kind}, which this system predicts; label some, split again, or set another "
                    "task"
                )
