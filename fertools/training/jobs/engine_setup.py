"""Set up the engine for a run: the loader, the initial weights, the loop and its callbacks."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_file
from fertools.training.data.balancing import loss_weights, sampling_weights
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.engine.loop import Callbacks, Loop
from fertools.training.engine.precision import supported_precision
from fertools.training.engine.run_state import StatePaths
from fertools.training.networks.backbones import read_weights
from fertools.training.networks.published_weights import find_weights
from fertools.training.networks.starting_weights import StartingWeights, digest_weights
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.recipes.view import View
from fertools.training.runs.artefact import is_model, read_info
from fertools.training.runs.folder import SAME_OR_RESTART, RunFolder
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import describe_session
from fertools.training.systems.base import System

if TYPE_CHECKING:
    from fertools.training.engine.tensorboard import TensorBoardLog


def make_loader(job: Job, recipe: EngineRecipe, system: System) -> BatchLoader:
    """Return the batch loader of a run. The first process reads the crops that are not cached yet.

    The faces of a system that predicts have weights in its loss. For other systems, the weights of the manifest set how
    often a face comes, if the recipe uses them.

    Args:
        job: the run.
        recipe: recipe of the run.
        system: system with the augmentation.
    """
    if job.process_group.is_first:
        for faces in job.selection.domains.values():
            for view in {View(recipe.loaded_px), recipe.view}:
                load_pixels(job.workspace, faces, view, job.workspace.pixels, job.report)
    job.process_group.barrier()
    sources = {}
    for name, faces in job.selection.domains.items():
        weights = None
        if recipe.predicts:
            weights = loss_weights(faces, recipe.class_weighting, use_weight=recipe.use_weight)
        sources[name] = FaceSource(
            faces,
            load_pixels(job.workspace, faces, recipe.loaded_px, job.workspace.pixels),
            evaluation_pixels=load_pixels(job.workspace, faces, recipe.view, job.workspace.pixels)
            if View(recipe.loaded_px) != recipe.view
            else None,
            weights=weights,
            sampling_weights=sampling_weights(faces, recipe.sampler, use_weight=recipe.use_weight and weights is None),
        )
    return BatchLoader(
        sources,
        batch_size=recipe.batch_size,
        augmentation=system.augmentation,
        augmentations=system.augmentations,
        pairings={domain.name: domain.pairing for domain in recipe.domains if domain.pairing is not None},
        seed=recipe.seed,
        device=job.process_group.device,
        pairing=recipe.domain_pairing,
        alike=recipe.augments_pairs_alike,
    )


def load_initial_weights(job: Job, recipe: EngineRecipe, system: System) -> None:
    """Load the initial weights that the recipe names, and record their digests.

    Args:
        job: the run.
        recipe: recipe of the run.
        system: system with the networks.

    Raises:
        InputError: the weights are missing, or belong to another network.
        ResumeRefused: the run was begun with other weights.
    """
    begun = job.record.setdefault("start", {})
    for name, wanted in recipe.starting_weights.items():
        path = find_weights(wanted, job.workspace)
        digest = hash_file(path)
        if (was := begun.get(name, {}).get("digest", digest)) != digest:
            raise ResumeRefused(
                f"{path} holds other weights than those that the run '{job.record['run']}' was begun with ({was[:8]}, "
                f"now {digest[:8]}); {SAME_OR_RESTART}"
            )
        weights = _read_start(path)
        with_head = system.take_weights(name, weights)
        does = "uses" if name in system.frozen else "begins with"
        job.report.note(f"{does} the weights of {path}{'' if with_head else ', without the last layer'}")
        content = digest_weights(weights.tensors)
        begun[name] = {"name": wanted, "file": path.name, "digest": digest, "weights": content, "head": with_head}


def _read_start(path: Path) -> StartingWeights:
    """Return the weights in a file, with what the file says of the run that wrote them."""
    tensors = read_weights(path)
    if not is_model(path):
        return StartingWeights(tensors, str(path))
    return StartingWeights(tensors, str(path), read_info(path).recipe)


def make_loop(job: Job, recipe: EngineRecipe, system: System, loader: BatchLoader) -> Loop:
    """Return the loop of a run, resumed from its newest checkpoint; record the sizes of its networks.

    Args:
        job: the run.
        recipe: recipe of the run.
        system: system to train.
        loader: batches of training faces.
    """
    job.record["parameters"] = {name: _count(network) for name, network in system.networks.items()}
    if system.frozen:
        job.record["frozen"] = {name: digest_network(network) for name, network in system.frozen.items()}
    course = recipe.course(job.selection.counts())
    loop = Loop(
        system, recipe, course, loader, job.process_group, StatePaths(job.folder.checkpoints, job.folder.journal_path)
    )
    if begun := loop.iteration:
        job.report.note(f"resuming from iteration {begun} of {course.iterations}")
    return loop


def run_loop(job: Job, loop: Loop, callbacks: Callbacks) -> None:
    """Run a loop to its end, and record the progress of the session.

    Args:
        job: the run.
        loop: loop of the run.
        callbacks: functions that the loop calls.
    """
    begun, started_s = loop.iteration, time.monotonic()
    session = describe_session(
        loop.device, supported_precision(loop.recipe.precision, loop.device), job.process_group.size, begun
    )
    job.record["sessions"].append(session)

    def saved(iteration: int) -> None:
        elapsed_s = time.monotonic() - started_s
        session["iterations"] = iteration - begun
        session["seconds"] = round(elapsed_s, 1)
        session["data_share"] = round(loop.data_wait_s / elapsed_s, 4) if elapsed_s else 0.0
        job.write()

    saved(begun)
    with contextlib.ExitStack() as stack:
        callbacks = dataclasses.replace(callbacks, saved=saved)
        if job.tensorboard and job.process_group.is_first:
            from fertools.training.engine.tensorboard import TensorBoardLog

            folder = job.folder
            board = stack.enter_context(
                TensorBoardLog(folder.tensorboard_folder, folder.journal_path, folder.samples, begun)
            )
            callbacks = _shown(callbacks, board, folder)
        loop.run(job.report, callbacks)


def _shown(callbacks: Callbacks, board: TensorBoardLog, folder: RunFolder) -> Callbacks:
    """Return callbacks that also write to the log for TensorBoard."""
    sample = callbacks.sample

    def shown(iteration: int) -> None:
        if sample is not None:
            sample(iteration)
            board.add_grid(iteration, folder.sample_path(iteration))

    return dataclasses.replace(callbacks, sample=sample and shown, logged=board.add)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def digest_network(network: nn.Module) -> str:
    """Return a digest of a network's weights and buffers."""
    return digest_weights(network.state_dict())
