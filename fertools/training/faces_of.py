"""The faces that a recipe trains on and holds out."""

from __future__ import annotations

import dataclasses

from fertools.core.workspace import Workspace
from fertools.training.balance import read_shares
from fertools.training.data import Faces, select_faces
from fertools.training.recipe import Recipe
from fertools.training.systems.classifier_recipe import ClassifierRecipe


def faces_of(workspace: Workspace, recipe: Recipe) -> Faces:
    """Return the faces that a recipe takes of a workspace, with what raters said of them where it names a file of that.

    Raises:
        InputError: see `select_faces` and `read_shares`.
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
    if not (isinstance(recipe, ClassifierRecipe) and recipe.distributions):
        return faces
    return dataclasses.replace(faces, shares=read_shares(workspace.root / recipe.distributions, faces))
