"""The step `select`: for each real training face, select the most similar generated faces.

The result is `selection.parquet`, a row per real face and selected face. Real and generated faces of held-out people
are left out. A training step learns from the selected faces if it has `generated = "{step}"`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.core import files
from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from fertools.splits.resplit import resplit
from fertools.training.data.generated_faces import SELECTION, SELECTION_NAME
from fertools.training.data.pixel_cache import read_crop
from fertools.training.evaluation.evaluation_networks import open_predictor
from fertools.training.experiments.experiment_steps import SelectStep, resolve
from fertools.training.experiments.graph import Task
from fertools.training.experiments.selectors import SELECTORS
from fertools.training.experiments.work import run_of
from fertools.training.networks.backbones import head_name
from fertools.training.runs.ancestry import trace_run
from fertools.training.runs.generated import generated_path
from fertools.training.runs.lineage import Lineage, Role, describe_people
from fertools.training.runs.load import load_predictor
from fertools.training.systems.capabilities import predicting

_PIXELS_PX, _BATCH = 32, 128
"""Side in pixels of the faces for comparisons of pixels, and batch size of the classifier."""


def select_generated(workspace: Workspace, step: SelectStep, task: Task, device: str, report: Reporter) -> None:
    """Carry out a task of the step; see the module.

    Args:
        workspace: workspace with the faces and runs.
        step: the step, with the method, the features and the number of faces.
        task: the task, with the fold or pair of folds.
        device: device of the classifier that computes features.
        report: reporter of progress.

    Raises:
        InputError: there are no generated faces of people who are not held out, or no real faces.
    """
    candidates = _candidates(workspace, resolve(step.of, task.references), task)
    real = _real_faces(workspace, step, candidates["modality"][0].as_py(), task)
    report.note(f"selecting from {len(candidates):,} generated faces for {len(real):,} real faces")
    read = _reader(workspace, step, task, choose_device(device))
    features = [read([workspace.path_of(path) for path in table["path"].to_pylist()]) for table in (candidates, real)]
    parts = [
        _selected(step, candidates, real, features, theirs, ours)
        for theirs, ours in _groups(candidates, real, same_label=step.same_label)
    ]
    table = pa.concat_tables(parts).sort_by([("real_id", "ascending"), ("rank", "ascending")]).combine_chunks()
    table = table.replace_schema_metadata(_lineage(workspace, step, task, real, candidates).to_metadata())
    with files.replacing(workspace.root / task.folders[0] / SELECTION_NAME) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _lineage(workspace: Workspace, step: SelectStep, task: Task, real: pa.Table, candidates: pa.Table) -> Lineage:
    """Return the lineage of a selection: the real faces, and the people that generators and features learned from."""
    runs: list[tuple[str, Role]] = [
        (run, "generated faces") for run in sorted(set(candidates["generator_run"].to_pylist()))
    ]
    if step.features != "pixels":
        runs += [(run_of(folder), "judge") for folder in resolve(step.features, task.references)]
    traced = [trace_run(workspace, run, role) for run, role in runs]
    ancestors = [ancestor for ancestor in traced if ancestor is not None]
    people = describe_people(real).union(*(ancestor.people for ancestor in ancestors))
    record = {
        "run": task.folders[0].removeprefix("training/"),
        "test_folds": list(task.test_folds),
        "people": len(people),
        "ancestors": [ancestor.record() for ancestor in ancestors],
    }
    return Lineage(record, people)


def _candidates(workspace: Workspace, folders: Sequence[str], task: Task) -> pa.Table:
    """Return the rows of the generated faces of people who are not held out, labelled by their target expression."""
    tables = []
    for folder in folders:
        path = generated_path(workspace, *folder.split("/")[-2:])
        if path.is_file():
            tables.append(store.read_table(path, FACES))
    table = pa.concat_tables(tables) if tables else FACES.table([])
    table = _without_held_out(table, task)
    if not len(table):
        raise InputError(
            f"{task.words} has no generated faces of people who are not held out to select from; let the step that it "
            'refers to translate training faces, by faces = "train"'
        )
    return table


def _real_faces(workspace: Workspace, step: SelectStep, modality: str, task: Task) -> pa.Table:
    """Return the rows of the real faces of the generated faces' domain that are not held out."""
    table = store.read_faces(workspace)
    real = pc.and_(pc.equal(table["status"], "kept"), pc.is_null(table["parent_id"]))
    table = resplit(workspace, nested.keep(table, real), task.split_seed)
    kept = pc.and_(pc.is_valid(table["path"]), pc.equal(table["modality"], modality))
    if step.dataset:
        kept = pc.and_(kept, pc.equal(table["dataset"], step.dataset))
    table = _without_held_out(nested.keep(table, kept), task)
    if not len(table):
        whose = f" of the dataset {step.dataset}" if step.dataset else ""
        raise InputError(f"{task.words} finds no real {modality} faces{whose} that are not held out; ingest some first")
    return table


def _without_held_out(table: pa.Table, task: Task) -> pa.Table:
    if pc.any(pc.is_valid(table["fold"])).as_py():
        known = pc.is_in(table["fold"], value_set=pa.array(task.test_folds, table["fold"].type))
        return nested.keep(table, pc.and_(pc.is_valid(table["fold"]), pc.invert(known)))
    return nested.keep(table, pc.fill_null(pc.equal(table["split"], "train"), False))


def _groups(
    candidates: pa.Table, real: pa.Table, *, same_label: bool
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return groups of generated and real faces to compare with each other, as row numbers of both."""
    if not same_label:
        return [(np.arange(len(candidates)), np.arange(len(real)))]
    theirs = np.array(candidates["target_emotion"].to_pylist(), object)
    ours = np.array(real["emotion"].to_pylist(), object)
    shared = sorted({label for label in theirs if label} & {label for label in ours if label})
    if not shared:
        raise InputError("no generated face shows an expression that a real one shows; set same_label = false")
    return [(np.flatnonzero(theirs == label), np.flatnonzero(ours == label)) for label in shared]


def _selected(
    step: SelectStep,
    candidates: pa.Table,
    real: pa.Table,
    features: Sequence[NDArray[np.float32]],
    theirs: NDArray[np.int64],
    ours: NDArray[np.int64],
) -> pa.Table:
    rows, distances = SELECTORS[step.method](features[0][theirs], features[1][ours], step.count)
    count = rows.shape[1]
    chosen = nested.take(candidates, theirs[rows.ravel()])
    real_ids = real["face_id"].take(pa.array(np.repeat(ours, count)))
    return pa.table(
        [
            real_ids,
            np.tile(np.arange(count, dtype=np.int32), len(ours)),
            chosen["face_id"],
            chosen["generator_run"],
            chosen["path"],
            chosen["target_emotion"],
            distances.ravel(),
        ],
        schema=SELECTION,
    )


def _reader(
    workspace: Workspace, step: SelectStep, task: Task, device: str
) -> Callable[[Sequence[Path]], NDArray[np.float32]]:
    """Return a function that computes features of pictures: pixels, or the inputs of a classifier's last layer."""
    if step.features == "pixels":
        return lambda paths: np.stack([read_crop(path, _PIXELS_PX).ravel() for path in paths]).astype(np.float32)
    (folder,) = resolve(step.features, task.references)
    run = load_predictor(workspace, folder)
    system, network, _, _ = open_predictor(run, device)
    given: list[Tensor] = []
    head = network.get_submodule(head_name(network))
    head.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0].flatten(1).float().cpu()))

    @torch.no_grad()
    def read(paths: Sequence[Path]) -> NDArray[np.float32]:
        given.clear()
        for start in range(0, len(paths), _BATCH):
            pictures = np.stack([read_crop(path, run.recipe.image_size) for path in paths[start : start + _BATCH]])
            images = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
            predicting(system).predict(network, images)
        return np.asarray(torch.cat(given).numpy(), np.float32)

    return read
