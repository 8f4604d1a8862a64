"""The faces that a recipe trains on and holds out."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.data.balancing import read_shares
from fertools.training.data.faces import Faces, Side, select_faces
from fertools.training.recipes.recipe import Recipe
from fertools.training.systems.classifier.recipe import ClassifierRecipe


def faces_of(workspace: Workspace, recipe: Recipe) -> Faces:
    """Return the faces that a recipe takes of a workspace, with what raters said of them where it names a file of that.

    Raises:
        InputError: see `select_faces` and `read_shares`; or a side has no label of a kind that is learned.
        CheckFailed: a person is on both sides.
    """
    faces = select_faces(
        workspace,
        modality=recipe.modality,
        test_fold=recipe.test_fold,
        needs_emotion=recipe.needs_emotion,
        needs_va=recipe.needs_va,
        classes=recipe.class_names,
        val_share=recipe.inner_validation,
        seed=recipe.seed,
    )
    if not isinstance(recipe, ClassifierRecipe):
        return faces
    _refuse_unlabelled(faces, recipe)
    if not recipe.distributions:
        return faces
    return dataclasses.replace(faces, shares=read_shares(workspace.root / recipe.distributions, faces))


def _refuse_unlabelled(faces: Faces, recipe: ClassifierRecipe) -> None:
    """Raise if no face of a side has what the classifier tells: it would learn nothing of that, or be measured by none.

    Raises:
        InputError: the message names the side and the kind of label.
    """
    known: dict[str, tuple[bool, NDArray[np.bool_]]] = {
        "an expression": (recipe.reads_emotion, faces.emotions >= 0),
        "valence and arousal": (
            recipe.reads_va,
            np.isfinite(faces.valence_arousal[:, 0] + faces.valence_arousal[:, 1]),
        ),
    }
    words: dict[Side, str] = {"train": "training", "val": "validation", "test": "held-out"}
    for kind, (told, labelled) in known.items():
        for side, name in words.items():
            rows = faces.rows(side)
            if told and len(rows) and not labelled[rows].any():
                raise InputError(
                    f"no {name} face has {kind}, which task = {recipe.task} is about; label some, split again, or set "
                    "another task"
                )
