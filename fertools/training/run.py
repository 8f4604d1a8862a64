"""`train`: a system trained on a workspace's manifest, from whatever state an earlier call left."""

from __future__ import annotations

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
from fertools.core.progress import Reporter, Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.training.choice import Choice, choose_recipe
from fertools.training.data import Faces, load_pixels, pick_examples, select_faces
from fertools.training.drawn import count_drawn
from fertools.training.engine.feed import Feed
from fertools.training.engine.grids import draw_grid
from fertools.training.engine.loop import Loop, Places, uses_bf16
from fertools.training.evaluation import Translator, evaluate, generated_path, write_generated
from fertools.training.folder import RunFolder, check_run_name, refuse_another_run
from fertools.training.recipe import Recipe, Resolved
from fertools.training.record import Record, describe_run, describe_session
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

    Example:
        >>> result = train(Workspace.at("my-dataset"), "stargan", preset="smoke")  # doctest: +SKIP
        >>> result.report.name  # doctest: +SKIP
        'report.html'
    """
    report = report or Silent()
    choice = choose_recipe(system, preset=preset, overrides=tuple(overrides), device=device, workspace=workspace.root)
    recipe, run = choice.resolved.recipe, check_run_name(run or choice.resolved.preset)
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
            generated_path(workspace, system, run).unlink(missing_ok=True)
            folder.forget()
        record = describe_run(choice.resolved, faces, count_drawn(workspace, faces.table), run)
        if (old := folder.read()) is not None:
            refuse_another_run(old, record)
            record |= {key: old[key] for key in ("parameters", "sessions", "finished", "results", "generated")}
        if record["finished"]:
            report.note(f"the run '{run}' is finished; give another --run NAME, or begin anew with --no-resume")
            return _result(record, folder, choice.device, new_iterations=0)
        report.note(_announce(record, recipe, choice.device, found=device == "auto"))
        _warn_of_missing(faces, report)
        return _carry_out(workspace, choice, faces, record, folder, report)


def build_system(resolved: Resolved[Recipe]) -> System:
    """Return the system with initial weights that depend on the recipe's seed alone.

    torch initialises from its global random state, which is put back as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(resolved.recipe.seed)
        system: System = find_system(resolved.system).system_class()(resolved.recipe)
    return system


def _carry_out(
    workspace: Workspace, choice: Choice, faces: Faces, record: Record, folder: RunFolder, report: Reporter
) -> TrainResult:
    recipe, device = choice.resolved.recipe, choice.device
    files.remove_unfinished(folder.root)
    pixels = load_pixels(workspace, faces, recipe.image_size, folder.cache)
    feed = Feed(faces, pixels, batch_size=recipe.batch_size, flip=recipe.flip, seed=recipe.seed, device=device)
    system = build_system(choice.resolved)
    record["parameters"] = {name: _count(network) for name, network in system.networks.items()}
    loop = Loop(system, recipe, feed, device, Places(folder.checkpoints, folder.journal_path))
    if begun := loop.iteration:
        report.note(f"going on from iteration {begun} of {recipe.iterations}")
    targets = system.targets(torch.from_numpy(faces.prototypes()))
    translator = Translator(system, loop.network(system.averaged[0]), feed, targets, loop.autocast)
    _train(loop, translator, faces, record, folder, report)
    _conclude(workspace, translator, faces, record, folder, report)
    return _result(record, folder, device, new_iterations=loop.iteration - begun)


def _train(
    loop: Loop, translator: Translator, faces: Faces, record: Record, folder: RunFolder, report: Reporter
) -> None:
    """Run the loop to its end, drawing sample grids and writing down how far this session has come."""
    recipe, begun, started_s = loop.recipe, loop.iteration, time.monotonic()
    session = describe_session(loop.device, "bf16" if uses_bf16(recipe, loop.device) else "float32", begun)
    record["sessions"].append(session)
    examples = pick_examples(faces, recipe.sample_faces)
    headings = ["input", *(target.words for target in translator.targets)]
    labels = [_label(faces, row) for row in examples.tolist()]

    def sample(iteration: int) -> None:
        files.write_bytes(folder.sample_path(iteration), draw_grid(headings, labels, translator.grid(examples)))

    def saved(iteration: int) -> None:
        session["iterations"] = iteration - begun
        session["seconds"] = round(time.monotonic() - started_s, 1)
        folder.write(record)

    saved(begun)
    loop.run(report, sample, saved)


def _conclude(
    workspace: Workspace, translator: Translator, faces: Faces, record: Record, folder: RunFolder, report: Reporter
) -> None:
    """Translate held-out faces, measure, write the report, and mark the run as finished."""
    rows = spread(faces.rows("test"), record["recipe"]["translate_faces"]["value"])
    report.note(f"translating {len(rows)} held-out faces to {len(translator.targets)} targets")
    record["results"] = evaluate(translator, faces, rows, folder.generated)
    made = write_generated(workspace, translator, faces, rows, folder.generated, record["system"], record["run"])
    record["generated"] = workspace.name_of(made) if made else None
    write_report(folder, record)
    shutil.rmtree(folder.cache, ignore_errors=True)
    record["finished"] = True
    folder.write(record)


def _announce(record: Record, recipe: Recipe, device: str, *, found: bool) -> str:
    where = device if device != "cpu" else "the CPU (no GPU found)" if found else "the CPU"
    sides = (
        f"{side['faces']} faces of {side['subjects']} subject{'s' if side['subjects'] != 1 else ''}"
        for side in (record["data"]["train"], record["data"]["test"])
    )
    return (
        f"preset {record['preset']} on {where}: {recipe.iterations} iterations of {recipe.batch_size} faces at "
        f"{recipe.image_size} x {recipe.image_size}; trained on {' and held out '.join(sides)}; "
        "a longer run says after its first iterations how long it will take"
    )


def _warn_of_missing(faces: Faces, report: Reporter) -> None:
    missing = [emotion for emotion, count in faces.counts("train").items() if not count]
    if missing and len(missing) < len(EMOTIONS):
        report.note(f"no training face shows {', '.join(missing)}, so the model cannot learn what that looks like")


def _label(faces: Faces, row: int) -> str:
    """Return whom a face shows and how, as two lines beside a row of a sample grid."""
    subject = str(faces.table["subject_id"][row].as_py() or "unknown")
    valence, arousal = faces.valence_arousal[row].tolist()
    index = int(faces.emotions[row])
    return f"{subject}\n{EMOTIONS[index] if index >= 0 else f'v {valence:+.1f} a {arousal:+.1f}'}"


def spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` of `rows` at even distances, or all of them if `count` is 0 or more than there are.

    Example:
        >>> spread(np.arange(7), 3).tolist()
        [0, 3, 6]
    """
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
