"""Predictions of a trained network for any faces of a manifest, whatever it was trained on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.progress import Reporter
from fertools.core.spelling import nearest
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.training.data.faces import build_faces
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.evaluation.predictions import Predictions, TrainingSummary, make_predictions
from fertools.training.recipes.recipe import EngineRecipe, Recipe, Resolved
from fertools.training.runs.artefact import ModelInfo, read_model
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import digest_person, trace_weights
from fertools.training.runs.load import read_recipe
from fertools.training.runs.rebuilt_network import Network, build_network, main_network
from fertools.training.systems.registry import find_system

_BATCH = 128


@dataclass(frozen=True)
class TrainedPredictor:
    """A trained network that predicts.

    Attributes:
        name: name of its run in tables.
        info: description in its file.
        network: the network.
        people: digests of the people that it has learned from; None if its file records none.
        trained: summary of its training faces.
    """

    name: str
    info: ModelInfo
    network: Network
    people: frozenset[str] | None
    trained: TrainingSummary


def open_predictor(workspace: Workspace, wanted: str, device: str) -> TrainedPredictor:
    """Return the network of a finished run that predicts.

    Args:
        workspace: workspace of the run.
        wanted: `SYSTEM/RUN`, the folder of a run, or a file in its folder `models/`.
        device: name of the device for torch.

    Raises:
        InputError: there is no such run or file, the run is not finished, or it predicts nothing.
    """
    given = Path(wanted).expanduser()
    if given.suffix == ".safetensors":
        file = next((path for path in (workspace.root / given, given) if path.is_file()), given).resolve()
        run, name = RunFolder(file.parent.parent), file.stem
        known = workspace.root / "training"
        if file.is_relative_to(known):
            name = f"{run.root.relative_to(known).as_posix()} ({file.stem})"
        record = run.read()
    else:
        run = _find_run(workspace, wanted)
        name = run.root.name
        if run.root.is_relative_to(workspace.root / "training"):
            name = run.root.relative_to(workspace.root / "training").as_posix()
        record = run.read()
        file = _main_file(run, name, record or {})
    info, state = read_model(file)
    network = build_network(info, state, device, str(file))
    if not (network.classes or network.predicts_va):
        raise InputError(f"{file} predicts nothing; give a run or a network that predicts expressions")
    lineages = trace_weights(workspace, file, str(file)).lineages
    people = frozenset().union(*(lineage.people for lineage in lineages)) if lineages else None
    return TrainedPredictor(name, info, network, people, _summarise(info, record))


def _find_run(workspace: Workspace, wanted: str) -> RunFolder:
    given = Path(wanted).expanduser()
    for folder in (workspace.root / "training" / wanted.removeprefix("training/"), given):
        if (folder / "run.json").is_file():
            return RunFolder(folder.resolve())
    known = sorted(
        path.parent.relative_to(workspace.root / "training").as_posix()
        for path in (workspace.root / "training").glob("*/*/run.json")
    )
    listed = nearest(wanted, known) or (f"; there are {', '.join(known[:10])}" if known else "; train one first")
    raise InputError(f"there is no trained run '{wanted}' in {workspace.root}{listed}")


def _main_file(run: RunFolder, name: str, record: Mapping[str, Any]) -> Path:
    """Return the file of the network of a run that predicts."""
    if not record["finished"]:
        raise InputError(f"the run {name} is not finished; train it to the end first, by the command that began it")
    kind: type[Recipe] = find_system(record["system"]).recipe_class()
    if not kind.predicts:
        raise InputError(f"{name} generates faces and predicts nothing; give a run that predicts")
    files = sorted(run.models.glob("*.safetensors"))
    if len(files) != 1 and issubclass(kind, EngineRecipe):
        recipe = read_recipe(dict(record), kind, name)
        network = main_network(Resolved(record["system"], record["preset"], recipe, {}))
        files = [file for file in files if file.stem == network]
    if not files:
        raise InputError(f"{run.models} has no network that predicts; train {name} again")
    return files[0]


def _summarise(info: ModelInfo, record: Mapping[str, Any] | None) -> TrainingSummary:
    """Return the summary of the training faces; without the record of the run, their classes are not known."""
    parts = [] if record is None else [record["data"].get("train"), *record["data"].get("domains", {}).values()]
    emotions = parts[0]["emotions"] if parts and parts[0] else {}
    return TrainingSummary(info.faces, emotions, None, None)


def select_test_faces(workspace: Workspace, datasets: Sequence[str], modality: str) -> pa.Table:
    """Return the kept real faces of datasets, with a crop.

    Args:
        workspace: workspace of the faces.
        datasets: names of the datasets.
        modality: modality of the faces.

    Raises:
        InputError: there is no manifest, a dataset is unknown, or it has no such faces.
    """
    table = store.read_faces(workspace, None, [("status", "=", "kept")])
    table = nested.keep(table, pc.and_(pc.is_null(table["parent_id"]), pc.is_valid(table["path"])))
    known = sorted(name for name in table["dataset"].unique().to_pylist() if name)
    if unknown := [name for name in datasets if name not in known]:
        raise InputError(
            f"{argument('on')} is '{unknown[0]}'{nearest(unknown[0], known)}, and {workspace.manifest} has the "
            f"datasets {', '.join(known) or '(none)'}; give one of these"
        )
    table = nested.keep(table, pc.is_in(table["dataset"], value_set=pa.array(datasets, pa.string())))
    found = sorted(set(table["modality"].to_pylist()))
    table = nested.keep(table, pc.equal(table["modality"], modality))
    if not len(table):
        raise InputError(
            f"{' and '.join(datasets)} has no {modality} faces, but {', '.join(found)} ones; give "
            f"{argument('modality')}, or another dataset"
        )
    return table


def leave_out_people(faces: pa.Table, people: Collection[str]) -> pa.Table:
    """Return the rows of faces without those of some people.

    Args:
        faces: rows of a manifest.
        people: digests of the people to leave out.
    """
    pairs = zip(faces["subject_id"].to_pylist(), faces["face_id"].to_pylist(), strict=True)
    return nested.keep(faces, np.array([digest_person(*pair) not in people for pair in pairs], bool))


def predict_test_faces(
    workspace: Workspace, predictor: TrainedPredictor, faces: pa.Table, report: Reporter | None = None
) -> Predictions:
    """Return the predictions of a network for faces of a manifest.

    Args:
        workspace: workspace of the crops.
        predictor: the network.
        faces: rows of the manifest.
        report: reporter of progress.

    Raises:
        InputError: the crops have another template than the network expects, or cannot be read.
    """
    info = predictor.info
    templates = pc.fill_null(faces["template"], "centre").unique().to_pylist()
    if other := [name for name in templates if name != info.crop.template]:
        raise InputError(
            f"{predictor.name} was trained on crops of the template {info.crop.template}, and these faces have "
            f"{other[0]}; make crops of that template with `fertools recrop`, or leave the run out"
        )
    selected = build_faces(faces, np.ones(len(faces), bool), predictor.network.classes)
    pixels = load_pixels(workspace, selected, info.crop.size_px, workspace.pixels, report)
    parts = []
    for start in range(0, len(pixels), _BATCH):
        # A copy: torch takes no array that cannot be written, such as a memory map.
        parts.append(predictor.network.predict(np.array(pixels[start : start + _BATCH])))
        if report is not None:
            report.advance(min(start + _BATCH, len(pixels)))
    probabilities, points = (np.concatenate(column) for column in zip(*parts, strict=True))
    found = make_predictions(
        faces,
        faces.slice(0, 0),
        classes=predictor.network.classes,
        probabilities=probabilities if probabilities.shape[1] else None,
        valence_arousal=points if points.shape[1] else None,
    )
    return replace(found, trained=dict.fromkeys(found.trained, predictor.trained))
