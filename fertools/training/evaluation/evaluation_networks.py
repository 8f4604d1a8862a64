"""The networks that read made faces: classifiers trained here, and published weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.errors import CheckFailed, InputError
from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.manifests import nested
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.pixel_cache import resize
from fertools.training.evaluation.cached_outputs import EvaluationNetwork
from fertools.training.evaluation.predictions import summarise_training
from fertools.training.networks.backbones import read_weights, take_trained
from fertools.training.networks.facenet import build_facenet
from fertools.training.networks.inception import build_inception
from fertools.training.networks.pretrained import FeatureNetwork, extract_features
from fertools.training.networks.published_weights import find_weights, list_weights
from fertools.training.recipes.recipe import EngineRecipe, TranslatingRecipe
from fertools.training.runs.load import LoadedRun, load_predictor
from fertools.training.systems.base import System
from fertools.training.systems.factory import build_system

_BATCH = 128
_NAMED = 3
"""People named in a refusal."""


def open_judge(
    workspace: Workspace, name: str, translator: LoadedRun[TranslatingRecipe], table: pa.Table, device: str
) -> EvaluationNetwork:
    """Return a trained classifier that reads made faces: its numbers are the classes' probabilities, then the point.

    Args:
        workspace: whose runs.
        name: `SYSTEM/RUN` of the classifier.
        translator: whose faces it reads.
        table: its translations.
        device: where it runs.

    Raises:
        InputError: it is no finished run of a classifying network, or it does not tell what the translator was asked
            for.
        ResumeRefused: the faces have changed since it was trained.
        CheckFailed: it was trained on people whose faces were translated, and so would know them.
    """
    judge = load_predictor(workspace, name)
    _refuse_without_targets(judge, translator.name, table)
    _refuse_leaks(judge, translator)
    chose = translator.record.get("judge", {}).get("run") == judge.name
    return wrap_judge(judge, device, chose=chose)


def wrap_judge(judge: LoadedRun[EngineRecipe], device: str, *, chose: bool = False) -> EvaluationNetwork:
    """Return a trained classifier as a reader of pictures.

    Args:
        judge: the classifier.
        device: where it runs.
        chose: whether the best state of what it reads was chosen by it.
    """
    recipe = judge.recipe
    system, network, faces, path = open_predictor(judge, device)
    classes = faces.classes if recipe.predicts_emotion else ()
    trained = nested.take(faces.table, faces.rows("train"))
    about = {
        "classes": list(classes),
        "reads_va": recipe.predicts_va,
        "size_px": recipe.image_size,
        "chose": chose,
        "trained": asdict(summarise_training(trained)),
    }
    width = len(classes) + 2 * recipe.predicts_va
    return EvaluationNetwork(
        "judge", judge.name, hash_file(path), about, width, _predicts(system, network, recipe.image_size, device)
    )


def open_predictor(run: LoadedRun[EngineRecipe], device: str) -> tuple[System, nn.Module, Faces, Path]:
    """Return a run's system, its trained network that predicts, in eval mode, the faces of its domain, and its file.

    Args:
        run: of a system that predicts.
        device: where the network goes.

    Raises:
        InputError: its weights are missing or damaged.
    """
    system = build_system(run.resolved)
    if (prediction := system.prediction) is None:
        raise InputError(f"{run.name} predicts nothing; give a run of a system that does, such as classifier")
    network = system.networks[prediction.network].to(device).eval()
    path = run.folder.model_path(prediction.network)
    take_trained(network, path)
    return system, network, run.selection.domains[prediction.domain], path


def open_features(workspace: Workspace, wanted: str, device: str) -> EvaluationNetwork:
    """Return the Inception network whose features distances are of.

    Args:
        workspace: whose weights.
        wanted: a path, or a name that `fertools weights` lists.
        device: where it runs.

    Raises:
        InputError: the weights are missing or of something else.
    """
    name, path = _named(workspace, wanted)
    network = build_inception(read_weights(path), str(path)).to(device)
    return _published("features", name, path, network, {"published": network.first_release})


def open_identity(workspace: Workspace, wanted: str, device: str) -> EvaluationNetwork:
    """Return the network that knows people.

    Args:
        workspace: whose weights.
        wanted: a path, or a name that `fertools weights` lists.
        device: where it runs.

    Raises:
        InputError: the weights are missing or of something else.
    """
    name, path = _named(workspace, wanted)
    return _published("identity", name, path, build_facenet(read_weights(path), str(path)).to(device), {})


def _named(workspace: Workspace, wanted: str) -> tuple[str, Path]:
    """Return what weights are called in tables, and their file."""
    path = find_weights(wanted, workspace)
    return wanted if wanted in {entry.name for entry in list_weights(workspace)} else path.name, path


def _published(
    kind: str, name: str, path: Path, network: FeatureNetwork, about: Mapping[str, object]
) -> EvaluationNetwork:
    digest = hash_file(path)
    return EvaluationNetwork(
        kind, name, digest, about, network.width, lambda pictures: extract_features(network, pictures)
    )


def _predicts(system: System, network: nn.Module, size_px: int, device: str) -> Callable[[Pixels], NDArray[np.float32]]:
    @torch.no_grad()
    def read(pictures: Pixels) -> NDArray[np.float32]:
        sized = np.stack([resize(picture, size_px) for picture in pictures])
        found: list[Tensor] = []
        for start in range(0, len(sized), _BATCH):
            coded = torch.from_numpy(sized[start : start + _BATCH]).to(device)
            logits, valence_arousal = system.predict(network, coded.permute(0, 3, 1, 2).float() / 127.5 - 1)
            found.append(torch.cat([logits.float().softmax(dim=1), valence_arousal.float()], dim=1).cpu())
        return torch.cat(found).numpy()

    return read


def _refuse_without_targets(judge: LoadedRun[EngineRecipe], name: str, table: pa.Table) -> None:
    """Raise unless a judge predicts something that translations have a target for."""
    emotion, va = (table[column].null_count < len(table) for column in ("target_emotion", "target_valence"))
    if not ((emotion and judge.recipe.predicts_emotion) or (va and judge.recipe.predicts_va)):
        asked, told = ("expressions", "valence and arousal") if emotion else ("valence and arousal", "expressions")
        raise InputError(
            f"{name} is asked for {asked}, and {judge.name} tells {told} alone; train a classifier with "
            "task=emotion+va, or one that tells the other"
        )


def _refuse_leaks(judge: LoadedRun[EngineRecipe], translator: LoadedRun[TranslatingRecipe]) -> None:
    """Raise if a judge was trained on people or faces that the translator holds out: it would remember them."""
    seen = {name for faces in judge.selection.domains.values() for name in shown_people(faces, ~faces.held_out)}
    tested = {name for faces in translator.selection.domains.values() for name in shown_people(faces, faces.held_out)}
    if both := sorted(seen & tested):
        named = ", ".join(both[:_NAMED]) + (" and others" if len(both) > _NAMED else "")
        raise CheckFailed(
            f"{judge.name} was trained on {len(both)} of the people whose faces {translator.name} holds out ({named}), "
            f"and would remember them; train it with test_folds={list(translator.recipe.test_folds)}"
        )


def shown_people(faces: Faces, chosen: NDArray[np.bool_]) -> set[str]:
    """Return the people whom some faces show, and the faces of nobody known by themselves."""
    rows = nested.keep(faces.table, chosen)
    pairs: Iterable[tuple[str | None, str]] = zip(
        rows["subject_id"].to_pylist(), rows["face_id"].to_pylist(), strict=True
    )
    return {subject if subject is not None else f"face {face}" for subject, face in pairs}
