"""`train`: a system trained on a workspace's manifest, from whatever state an earlier call left."""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fertools.core import files, locking
from fertools.core.device import choose_device
from fertools.core.progress import Reporter, Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.training.data import Faces, load_pixels, pick_examples, select_faces
from fertools.training.engine.feed import Feed
from fertools.training.engine.grids import draw_grid
from fertools.training.engine.loop import Loop, Places, uses_bf16
from fertools.training.evaluation import Translator, evaluate, write_generated
from fertools.training.folder import Record, RunFolder, check_run_name, refuse_another_run
from fertools.training.provenance import code_state, device_name, versions
from fertools.training.recipe import Recipe, Resolved, resolve_recipe
from fertools.training.report import write_report
from fertools.training.systems import find_system
from fertools.training.systems.base import System


@dataclass(frozen=True)
class TrainResult:
    """What a run has come to.

    Attributes:
        system: name of the system.
        run: name of the run.
        preset: name of the preset.
        folder: everything that the run has made.
        report: the page about it.
        iterations: done in all.
        new_iterations: done by this call; 0 if the run was finished before.
        device: what this call ran on.
        results: measures on held-out faces; see `fertools.training.evaluation.evaluate`.
    """

    system: str
    run: str
    preset: str
    folder: Path
    report: Path
    iterations: int
    new_iterations: int
    device: str
    results: dict[str, Any]


def train(
    workspace: Workspace,
    system: str,
    *,
    preset: str | None = None,
    overrides: Iterable[str] = (),
    device: str = "auto",
    run: str | None = None,
    resume: bool = True,
    report: Reporter | None = None,
) -> TrainResult:
    """Train a system to the end, going on where an earlier call of the same run stopped.

    Args:
        workspace: whose manifest to train on; the run goes into its `training/<system>/<run>/`.
        system: what to train, such as `stargan`.
        preset: of the system's recipe; None for `recommended`, or `cpu` where there is no GPU.
        overrides: `key=value` each.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        run: name of the run; None for the preset's.
        resume: go on with the run of this name; False to remove it and begin anew.
        report: told of the device, the expected time and progress.

    Raises:
        RecipeError: an unknown system, preset or key, or a value out of range.
        DeviceError: the device is unknown or not there.
        InputError: the manifest is missing, not split, or without the labels that are needed.
        CheckFailed: a person is on both sides of the split, or training has diverged.
        ResumeRefused: the run of this name was begun with another recipe or other faces.
        Interrupted: stopped by a signal; the state is saved.
        StorageError: the disk is full; the last checkpoint is intact.
    """
    report = report or Silent()
    entry = find_system(system)
    name = choose_device(device)
    preset = preset or ("cpu" if name == "cpu" else "recommended")
    resolved = resolve_recipe(system, entry.recipe_class(), preset, overrides, workspace.root)
    recipe = resolved.recipe
    run = check_run_name(run or preset)
    faces = select_faces(
        workspace,
        modality=recipe.modality,
        test_fold=recipe.test_fold,
        needs_emotion=recipe.needs_emotion,
        needs_va=recipe.needs_va,
    )
    folder = RunFolder(workspace.runs(system) / run)
    with locking.exclusive(folder.lock_path, "training"):
        if not resume:
            folder.forget()
        record = _record(resolved, faces, run)
        if (old := folder.read()) is not None:
            refuse_another_run(old, record)
            record |= {key: old[key] for key in ("sessions", "finished", "results")}
        if record["finished"]:
            report.note(f"the run '{run}' is finished; give another --run NAME, or begin anew with --no-resume")
            return _result(record, folder, name, new_iterations=0)
        return _carry_out(workspace, resolved, faces, record, folder, name, report)


def _carry_out(
    workspace: Workspace,
    resolved: Resolved[Recipe],
    faces: Faces,
    record: Record,
    folder: RunFolder,
    device: str,
    report: Reporter,
) -> TrainResult:
    recipe = resolved.recipe
    files.remove_unfinished(folder.root)
    report.note(_announce(record, recipe, device))
    pixels = load_pixels(workspace, faces, recipe.image_size, folder.cache)
    feed = Feed(faces, pixels, batch_size=recipe.batch_size, flip=recipe.flip, seed=recipe.seed, device=device)
    system = build_system(resolved)
    record["parameters"] = {name: _count(network) for name, network in system.networks.items()}
    loop = Loop(system, recipe, feed, device, Places(folder.checkpoints, folder.journal_path))
    begun = loop.iteration
    if begun:
        report.note(f"going on from iteration {begun} of {recipe.iterations}")
    session = _session(recipe, device, begun)
    record["sessions"].append(session)
    folder.write(record)
    targets = system.targets(torch.from_numpy(faces.prototypes()))
    translator = Translator(system, loop.network(system.averaged[0]), feed, targets, loop.autocast)
    examples = pick_examples(faces, recipe.sample_faces)
    labels = [_label(faces, int(row)) for row in examples]

    def sample(iteration: int) -> None:
        headings = ["input", *(target.words for target in targets)]
        files.write_bytes(folder.sample_path(iteration), draw_grid(headings, labels, translator.grid(examples)))

    started_s = time.monotonic()
    try:
        loop.run(report, sample)
    finally:
        session["iterations"] = loop.iteration - begun
        session["seconds"] = round(time.monotonic() - started_s, 1)
        folder.write(record)
    rows = _spread(faces.rows("test"), recipe.translate_faces)
    report.note(f"translating {len(rows)} held-out faces to {len(targets)} targets")
    record["results"] = evaluate(translator, faces, rows, folder.generated)
    name = f"{resolved.system}/{record['run']}"
    made = write_generated(workspace, translator, faces, rows, folder.generated, name, recipe.image_size)
    record["generated"] = workspace.name_of(made) if made else None
    write_report(folder, record)
    record["finished"] = True
    folder.write(record)
    shutil.rmtree(folder.cache, ignore_errors=True)
    return _result(record, folder, device, new_iterations=loop.iteration - begun)


def build_system(resolved: Resolved[Recipe]) -> System:
    """Return the system with initial weights that depend on the recipe's seed alone.

    torch initialises from its global random state, which is put back as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(resolved.recipe.seed)
        system: System = find_system(resolved.system).system_class()(resolved.recipe)
    return system


def _record(resolved: Resolved[Recipe], faces: Faces, run: str) -> Record:
    entry = find_system(resolved.system)
    sides = {
        side: {"faces": len(faces.rows(side)), "subjects": faces.subjects(side), "emotions": faces.counts(side)}
        for side in ("train", "test")
    }
    return {
        "system": resolved.system,
        "title": entry.title,
        "source": entry.source,
        "run": run,
        "preset": resolved.preset,
        "recipe": resolved.record(),
        "data": {
            "fingerprint": faces.fingerprint(),
            "datasets": sorted({str(name) for name in faces.table["dataset"].unique().to_pylist() if name}),
            "templates": sorted({str(name) for name in faces.table["template"].unique().to_pylist() if name}),
            "va_origins": sorted({str(name) for name in faces.table["va_origin"].unique().to_pylist() if name}),
            **sides,
        },
        "parameters": {},
        "sessions": [],
        "finished": False,
        "results": {},
    }


def _session(recipe: Recipe, device: str, begun: int) -> Record:
    return {
        "from_iteration": begun,
        "began": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device,
        "device_name": device_name(device),
        "precision": "bf16" if uses_bf16(recipe, device) else "float32",
        "versions": versions(),
        "code": code_state(),
    }


def _announce(record: Record, recipe: Recipe, device: str) -> str:
    where = "no GPU" if device == "cpu" else device
    return (
        f"{where}: preset {record['preset']}, {recipe.iterations} iterations of {recipe.batch_size} faces at "
        f"{recipe.image_size} x {recipe.image_size}; the expected time follows after the first few"
    )


def _label(faces: Faces, row: int) -> str:
    index = int(faces.emotions[row])
    shown = faces.table["emotion"][row].as_py() if index < 0 else None
    return f"held-out face\n{EMOTIONS[index] if index >= 0 else shown or ''}"


def _spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` of `rows` at even distances, or all of them if `count` is 0 or more than there are."""
    if not count or count >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _result(record: Record, folder: RunFolder, device: str, *, new_iterations: int) -> TrainResult:
    return TrainResult(
        system=record["system"],
        run=record["run"],
        preset=record["preset"],
        folder=folder.root,
        report=folder.report_path,
        iterations=record["recipe"]["iterations"]["value"],
        new_iterations=new_iterations,
        device=device,
        results=record["results"],
    )
