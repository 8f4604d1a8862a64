"""Finished runs, opened again: the recipe as it was and the faces that they saw and did not see."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.training.data.faces import Faces
from fertools.training.data.selection import faces_of
from fertools.training.recipes.recipe import Origin, Recipe, Resolved, nearest
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.metadata import Record
from fertools.training.runs.pixel_identity import refuse_other_pixels
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.stargan.recipe import StarganRecipe

Kept = TypeVar("Kept", bound=Recipe, covariant=True)


@dataclass(frozen=True)
class Finished(Generic[Kept]):
    """A finished run.

    Attributes:
        name: `SYSTEM/RUN`.
        folder: where it lies.
        record: the content of its `run.json`.
        recipe: every value that it was trained with.
        faces: those that it was trained on and those that were held out.
    """

    name: str
    folder: RunFolder
    record: Record
    recipe: Kept
    faces: Faces

    @property
    def resolved(self) -> Resolved[Recipe]:
        """The recipe with where its values come from."""
        origins = {key: Origin(entry["origin"], entry["note"]) for key, entry in self.record["recipe"].items()}
        return Resolved(self.record["system"], self.record["preset"], self.recipe, origins)


def reopen_translator(workspace: Workspace, name: str) -> Finished[StarganRecipe]:
    """Return a finished run that makes faces.

    Args:
        workspace: whose run and faces.
        name: `SYSTEM/RUN`.

    Raises:
        InputError: there is no such run, it is not finished, or it makes no faces.
        ResumeRefused: the faces, labels, folds or crops are not those that it was trained on, or it is of a version
            of fertools with other keys.
    """
    record = _read(workspace, name)
    if record["kind"] != "translator":
        raise InputError(f"{name} makes no faces, it reads them; give a run of a system such as stargan")
    return _reopen(workspace, name, record, StarganRecipe)


def reopen_classifier(workspace: Workspace, name: str) -> Finished[ClassifierRecipe]:
    """Return a finished run of a classifying network.

    Args:
        workspace: whose run and faces.
        name: `SYSTEM/RUN`.

    Raises:
        InputError: there is no such run, it is not finished, or it is no network that reads faces.
        ResumeRefused: the faces, labels, folds or crops are not those that it was trained on, or it is of a version
            of fertools with other keys.
    """
    record = _read(workspace, name)
    if record["system"] != "classifier":
        raise InputError(f"{name} is no classifying network; give a run of `fertools train classifier`")
    return _reopen(workspace, name, record, ClassifierRecipe)


def _read(workspace: Workspace, name: str) -> Record:
    record = RunFolder(workspace.root / "training" / name).read()
    if record is None:
        root = workspace.root / "training"
        known = sorted(path.parent.relative_to(root).as_posix() for path in root.glob("*/*/run.json"))
        listed = nearest(name, known) or (f"; there are {', '.join(known)}" if known else "; train one first")
        raise InputError(f"there is no run '{name}' in {workspace.root}{listed}")
    return record


def _reopen(workspace: Workspace, name: str, record: Record, kind: type[Kept]) -> Finished[Kept]:
    if not record["finished"]:
        raise InputError(f"the run {name} is not finished; train it to the end first, by the command that began it")
    if differing := {field.name for field in fields(kind)} ^ set(record["recipe"]):
        raise ResumeRefused(
            f"{name} was trained by another version of fertools, whose recipe differs in the key {min(differing)}; "
            "train it again"
        )
    recipe = kind(**{key: entry["value"] for key, entry in record["recipe"].items()})
    faces = faces_of(workspace, recipe)
    if faces.fingerprint() != record["data"]["fingerprint"]:
        raise ResumeRefused(
            f"the faces, labels or folds have changed since {name} was trained, so nobody can say whom it has seen; "
            "train it again"
        )
    folder = RunFolder(workspace.root / "training" / name)
    refuse_other_pixels(workspace, faces, folder, record, "put them back, or train it again")
    return Finished(name, folder, record, recipe, faces)
