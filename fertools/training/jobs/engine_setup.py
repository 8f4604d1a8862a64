"""One call that works on a run: what it is about, and the engine set up for it."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.balancing import chances
from fertools.training.data.batch_loader import Feed
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.engine.loop import Hooks, Loop
from fertools.training.engine.precision import usable
from fertools.training.engine.run_state import Places
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import describe_session
from fertools.training.systems.base import System

if TYPE_CHECKING:
    from fertools.training.engine.tensorboard import Board


def make_feed(
    job: Job, recipe: EngineRecipe, augmentation: Augmentation, weights: NDArray[np.float32] | None = None
) -> Feed:
    """Return the feed of a run's faces, from pixels that the first process reads where nobody has yet.

    Args:
        job: whose faces.
        recipe: batch size, order and seed.
        augmentation: what is done to training faces.
        weights: for every face how much it counts in the loss; None for 1 each, and then the manifest's weights say
            how often a face comes, if the recipe uses them.
    """
    if job.team.is_first:
        load_pixels(job.workspace, job.faces, recipe.image_size, job.workspace.pixels, job.report)
    job.team.wait()
    return Feed(
        job.faces,
        load_pixels(job.workspace, job.faces, recipe.image_size, job.workspace.pixels),
        batch_size=recipe.batch_size,
        augmentation=augmentation,
        seed=recipe.seed,
        device=job.team.device,
        weights=weights,
        chances=chances(job.faces, recipe.sampler, use_weight=recipe.use_weight and weights is None),
    )


def make_loop(job: Job, recipe: EngineRecipe, system: System, feed: Feed) -> Loop:
    """Return the loop of a run, where its newest checkpoint left it, and note the sizes of its networks."""
    job.record["parameters"] = {name: _count(network) for name, network in system.networks.items()}
    course = recipe.course(len(job.faces.rows("train")))
    loop = Loop(system, recipe, course, feed, job.team, Places(job.folder.checkpoints, job.folder.journal_path))
    if begun := loop.iteration:
        job.report.note(f"going on from iteration {begun} of {course.iterations}")
    return loop


def run_loop(job: Job, loop: Loop, hooks: Hooks) -> None:
    """Run a loop to its end, writing down how far this session has come."""
    begun, started_s = loop.iteration, time.monotonic()
    session = describe_session(loop.device, usable(loop.recipe.precision, loop.device), job.team.size, begun)
    job.record["sessions"].append(session)

    def saved(iteration: int) -> None:
        elapsed_s = time.monotonic() - started_s
        session["iterations"] = iteration - begun
        session["seconds"] = round(elapsed_s, 1)
        session["data_share"] = round(loop.waited_s / elapsed_s, 4) if elapsed_s else 0.0
        job.write()

    saved(begun)
    with contextlib.ExitStack() as stack:
        hooks = dataclasses.replace(hooks, saved=saved)
        if job.tensorboard and job.team.is_first:
            from fertools.training.engine.tensorboard import Board

            folder = job.folder
            board = stack.enter_context(Board(folder.board, folder.journal_path, folder.samples, begun))
            hooks = _shown(hooks, board, folder)
        loop.run(job.report, hooks)


def _shown(hooks: Hooks, board: Board, folder: RunFolder) -> Hooks:
    """Return hooks that let a board show what is logged and sampled."""
    sample = hooks.sample

    def shown(iteration: int) -> None:
        if sample is not None:
            sample(iteration)
            board.add_grid(iteration, folder.sample_path(iteration))

    return dataclasses.replace(hooks, sample=sample and shown, logged=board.add)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
