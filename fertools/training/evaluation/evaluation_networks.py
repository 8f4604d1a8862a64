"""The networks that evaluate generated faces: classifiers trained here, and published weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.arguments import given
from fertools.core.errors import CheckFailed, InputError
from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.faces.identity.embedder import EmbedderOptions
from fertools.faces.identity.registry import embedder_names, load_embedder
from fertools.manifests import nested
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.pixel_cache import resize
from fertools.training.evaluation.cached_outputs import EvaluationNetwork
from fertools.training.evaluation.predictions import summarise_training
from fertools.training.evaluation.public_judge import open_public_judge
from fertools.training.networks.backbones import read_weights, take_trained
from fertools.training.networks.face_embedders import TorchEmbedder
from fertools.training.networks.inception import build_inception
from fertools.training.networks.pretrained import FeatureNetwork, extract_features
from fertools.training.networks.published_weights import find_weights, list_weights
from fertools.training.networks.starting_weights import digest_weights
from fertools.training.recipes.recipe import EngineRecipe, TranslatingRecipe
from fertools.training.runs.load import LoadedRun, load_predictor
from fertools.training.runs.public_model import is_public
from fertools.training.systems.base import System
from fertools.training.systems.capabilities import predicting
from fertools.training.systems.factory import build_system

_BATCH = 128
_NAMED = 3
"""Largest number of people named in a message."""


def open_judge(
    workspace: Workspace,
    name: str,
    translator: LoadedRun[TranslatingRecipe],
    table: pa.Table,
    device: str,
    *,
    allow_leaks: bool = False,
) -> EvaluationNetwork:
    """Return a classifier as a judge: its outputs are class probabilities, then valence and arousal.

    Args:
        workspace: workspace with the runs.
        name: run of the classifier, as `SYSTEM/RUN`, or a ready model, such as `public`.
        translator: run with the generated faces to evaluate.
        table: rows of these faces.
        device: device of the network, by its name for torch.
        allow_leaks: whether to use a classifier that was trained on people of the translated faces. The tables then say
            so.

    Raises:
        InputError: it is not a finished run of a classifier network, or it predicts no target of the translations.
        ResumeRefused: the faces have changed since it was trained.
        CheckFailed: it was trained on people of the translated faces.
    """
    chosen_by = translator.record.get("judge", {}).get("run")
    if is_public(workspace, name):
        _refuse_without_targets(name, translator.name, table, emotion=True, va=False)
        return open_public_judge(
            workspace, name, translator.selection, translator.recipe.view, device, chose=chosen_by == name
        )
    judge = load_predictor(workspace, name)
    recipe = judge.recipe
    _refuse_without_targets(judge.name, translator.name, table, emotion=recipe.predicts_emotion, va=recipe.predicts_va)
    met = _find_met(judge, translator)
    if met and not allow_leaks:
        raise CheckFailed(
            f"{_describe_met(judge, translator, met)}, and would remember them; train it with "
            f"test_folds={list(translator.recipe.test_folds)}, or allow it with {given('allow_leaks', True)}"
        )
    chose = chosen_by == judge.name
    leak = _describe_met(judge, translator, met) if met else ""
    return wrap_judge(judge, device, trained_by=translator.record.get("start", {}), chose=chose, leak=leak)


def wrap_judge(
    judge: LoadedRun[EngineRecipe],
    device: str,
    *,
    trained_by: Mapping[str, Mapping[str, Any]] | None = None,
    chose: bool = False,
    leak: str = "",
) -> EvaluationNetwork:
    """Return a trained classifier as an evaluation network.

    Args:
        judge: run of the classifier.
        device: device of the network, by its name for torch.
        trained_by: the entry `start` in the record of the run that it evaluates: digests of the weights that this run
            began with, or whose features are in its loss. A judge with such weights is marked, whatever its name.
        chose: whether it selected the checkpoint of the run that it evaluates.
        leak: which people of the evaluated faces it was trained on, in words; empty for none.
    """
    recipe = judge.recipe
    system, network, faces, path = open_predictor(judge, device)
    classes = faces.classes if recipe.predicts_emotion else ()
    trained = nested.take(faces.table, faces.rows("train"))
    own = {hash_file(path), digest_weights(network.state_dict())}
    about: dict[str, Any] = {
        "classes": list(classes),
        "reads_va": recipe.predicts_va,
        "size_px": recipe.image_size,
        "chose": chose,
        "trained": asdict(summarise_training(trained)),
    } | ({"leak": leak} if leak else {})
    if any(own & {entry.get("digest"), entry.get("weights")} for entry in (trained_by or {}).values()):
        about["had_part"] = True
    width = len(classes) + 2 * recipe.predicts_va
    return EvaluationNetwork(
        "judge", judge.name, hash_file(path), about, width, _predicts(system, network, recipe.image_size, device)
    )


def open_predictor(run: LoadedRun[EngineRecipe], device: str) -> tuple[System, nn.Module, Faces, Path]:
    """Return a run's system, its predicting network in eval mode, the faces of its domain, and the file of its weights.

    Args:
        run: run of a system that predicts.
        device: device of the network, by its name for torch.

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
    """Return the Inception network that computes the features of FID and KID.

    Args:
        workspace: workspace with the weights.
        wanted: a path, or a name that `fertools weights` lists.
        device: device of the network, by its name for torch.

    Raises:
        InputError: the weights are missing or belong to another network.
    """
    name, path = _named(workspace, wanted)
    network = build_inception(read_weights(path), str(path)).to(device)
    return _published("features", name, path, network, {"published": network.first_release})


def open_identity(workspace: Workspace, wanted: str, device: str) -> EvaluationNetwork:
    """Return the face recognition network that measures identity preservation.

    Args:
        workspace: workspace with the weights.
        wanted: name of an embedder (`fertools identify embedders` lists them), or weights of FaceNet: a path, or a name
            that `fertools weights` lists.
        device: device of the network, by its name for torch.

    Raises:
        InputError: the weights are missing or belong to another network.
    """
    if wanted in embedder_names():
        name, chosen = wanted, EmbedderOptions(device=device, folder=str(workspace.root))
        embedder = load_embedder(wanted, chosen)
    else:
        name, path = _named(workspace, wanted)
        embedder = load_embedder("facenet", EmbedderOptions(str(path), device=device, folder=str(workspace.root)))
    card = embedder.card
    # A network of torch resizes faces itself, as it was trained.
    side = None if isinstance(embedder, TorchEmbedder) else card.size_px

    def read(pictures: Pixels) -> NDArray[np.float32]:
        return embedder.embed(pictures if side is None else [resize(picture, side) for picture in pictures])

    return EvaluationNetwork("identity", name, card.digest, {}, card.width, read)


def _named(workspace: Workspace, wanted: str) -> tuple[str, Path]:
    """Return the name of weights in tables, and their file."""
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
            logits, valence_arousal = predicting(system).predict(network, coded.permute(0, 3, 1, 2).float() / 127.5 - 1)
            found.append(torch.cat([logits.float().softmax(dim=1), valence_arousal.float()], dim=1).cpu())
        return torch.cat(found).numpy()

    return read


def _refuse_without_targets(judge: str, name: str, table: pa.Table, *, emotion: bool, va: bool) -> None:
    """Raise unless a judge, which predicts expressions, valence and arousal or both, predicts a target."""
    emotions, points = (table[column].null_count < len(table) for column in ("target_emotion", "target_valence"))
    if not ((emotions and emotion) or (points and va)):
        target, predicted = (
            ("expressions", "valence and arousal") if emotions else ("valence and arousal", "expressions")
        )
        raise InputError(
            f"the targets of {name} are {target}, but {judge} predicts {predicted} alone; train a classifier with "
            "task=emotion+va, or one that predicts the targets"
        )


def _find_met(judge: LoadedRun[EngineRecipe], translator: LoadedRun[TranslatingRecipe]) -> list[str]:
    """Return the people or faces that a judge was trained on and the translator holds out: it would remember them."""
    seen = {name for faces in judge.selection.domains.values() for name in shown_people(faces, ~faces.held_out)}
    tested = {name for faces in translator.selection.domains.values() for name in shown_people(faces, faces.held_out)}
    return sorted(seen & tested)


def _describe_met(judge: LoadedRun[EngineRecipe], translator: LoadedRun[TranslatingRecipe], met: Sequence[str]) -> str:
    named = ", ".join(met[:_NAMED]) + (" and others" if len(met) > _NAMED else "")
    return f"{judge.name} was trained on {len(met)} of the people whose faces {translator.name} holds out ({named})"


def shown_people(faces: Faces, chosen: NDArray[np.bool_]) -> set[str]:
    """Return the people that faces show; each face of an unknown person counts as one person.

    Args:
        faces: all faces of the domain.
        chosen: N booleans: which faces to include.
    """
    rows = nested.keep(faces.table, chosen)
    pairs: Iterable[tuple[str | None, str]] = zip(
        rows["subject_id"].to_pylist(), rows["face_id"].to_pylist(), strict=True
    )
    return {subject if subject is not None else f"face {face}" for subject, face in pairs}
