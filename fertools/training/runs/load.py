"""Load finished runs: the recorded recipe, and the faces of training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from fertools.core import calls
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.spelling import nearest
from fertools.core.workspace import Workspace
from fertools.training.data.faces import Faces
from fertools.training.data.selection import Selection, select_domains
from fertools.training.recipes.recipe import EngineRecipe, Origin, Recipe, Resolved, TranslatingRecipe
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.metadata import Record
from fertools.training.runs.pixel_identity import refuse_changed_pixels
from fertools.training.systems.registry import find_system

R = TypeVar("R", bound=Recipe, covariant=True)


@dataclass(frozen=True)
class LoadedRun(Generic[R]):
    """A finished run.

    Attributes:
        name: name of the run, as `SYSTEM/RUN`.
        folder: folder of the run.
        record: content of its `run.json`.
        recipe: the recipe that it was trained with.
        selection: its faces by domain.
    """

    name: str
    folder: RunFolder
    record: Record
    recipe: R
    selection: Selection

    @property
    def faces(self) -> Faces:
        """The faces of the first domain, on which the system was tested."""
        return self.selection.main

    @property
    def resolved(self) -> Resolved[R]:
        """The recipe with the origins of its values."""
        origins = {key: Origin(entry["origin"], entry["note"]) for key, entry in self.record["recipe"].items()}
        return Resolved(self.record["system"], self.record["preset"], self.recipe, origins)


def load_translator(workspace: Workspace, name: str) -> LoadedRun[TranslatingRecipe]:
    """Return a finished run of a system that translates faces.

    Args:
        workspace: workspace with the run and its faces.
        name: name of the run, as `SYSTEM/RUN` or `training/SYSTEM/RUN`.

    Raises:
        InputError: there is no such run, it is not finished, or it generates no faces.
        ResumeRefused: the faces, labels, folds or crops have changed since it was trained, or another version of
            fertools with other recipe keys trained it.
    """
    name = name.removeprefix("training/")
    record = _read(workspace, name)
    kind = find_system(record["system"]).recipe_class()
    if not issubclass(kind, TranslatingRecipe):
        raise InputError(f"{name} generates no faces; give a run of a system such as stargan")
    return _load(workspace, name, record, kind)


def load_predictor(workspace: Workspace, name: str) -> LoadedRun[EngineRecipe]:
    """Return a finished run of a network that predicts expressions, or valence and arousal.

    Args:
        workspace: workspace with the run and its faces.
        name: name of the run, as `SYSTEM/RUN` or `training/SYSTEM/RUN`.

    Raises:
        InputError: there is no such run, it is not finished, or it has no network that predicts.
        ResumeRefused: the faces, labels, folds or crops have changed since it was trained, or another version of
            fertools with other recipe keys trained it.
    """
    name = name.removeprefix("training/")
    record = _read(workspace, name)
    kind = find_system(record["system"]).recipe_class()
    if not (kind.predicts and issubclass(kind, EngineRecipe)):
        raise InputError(f"{name} is not a classifier network; give a run of {calls.TRAIN_CLASSIFIER}")
    return _load(workspace, name, record, kind)


def _read(workspace: Workspace, name: str) -> Record:
    record = RunFolder(workspace.root / "training" / name).read()
    if record is None:
        root = workspace.root / "training"
        known = sorted(path.parent.relative_to(root).as_posix() for path in root.glob("*/*/run.json"))
        listed = nearest(name, known) or (f"; there are {', '.join(known)}" if known else "; train one first")
        raise InputError(f"there is no run '{name}' in {workspace.root}{listed}")
    return record


def _load(workspace: Workspace, name: str, record: Record, kind: type[R]) -> LoadedRun[R]:
    if not record["finished"]:
        raise InputError(f"the run {name} is not finished; train it to the end first, by the command that began it")
    recipe = read_recipe(record, kind, name)
    leaky = bool((record.get("lineage") or {}).get("leaks"))
    selection = select_domains(workspace, recipe, allow_leaks=leaky)
    if selection.fingerprint() != record["data"]["fingerprint"]:
        raise ResumeRefused(
            f"the faces, labels or folds have changed since {name} was trained, so its training people are not known; "
            "train it again"
        )
    folder = RunFolder(workspace.root / "training" / name)
    refuse_changed_pixels(workspace, selection, folder, record, "put them back, or train it again")
    return LoadedRun(name, folder, record, recipe, selection)


def read_recipe(record: Record, kind: type[R], name: str) -> R:
    """Return the recipe that a run recorded.

    Args:
        record: content of its `run.json`.
        kind: recipe class of the system.
        name: name of the run, for the message.

    Raises:
        ResumeRefused: another version of fertools with other keys trained it.
    """
    if differing := {field.name for field in fields(kind)} ^ set(record["recipe"]):
        raise ResumeRefused(
            f"{name} was trained by another version of fertools, whose recipe differs in the key {min(differing)}; "
            "train it again"
        )
    values: dict[str, Any] = {key: entry["value"] for key, entry in record["recipe"].items()}
    # JSON has lists where a recipe has tuples.
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return kind(**plain)
