"""Runs of systems that turn faces into others: sample grids on the way, translated held-out faces at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from fertools.core import files
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.faces import Faces, pick_examples
from fertools.training.engine.loop import Hooks, Loop
from fertools.training.evaluation.checkpoint_selection import open_chooser
from fertools.training.evaluation.sample_grid import draw_grid
from fertools.training.evaluation.translations import add_translations, list_translations
from fertools.training.evaluation.translator import Translator, evaluate
from fertools.training.jobs.engine_setup import make_feed, make_loop, run_loop
from fertools.training.runs.artefact import save_model
from fertools.training.runs.generated import list_generated
from fertools.training.runs.job import Job
from fertools.training.systems.base import TranslatingSystem
from fertools.training.systems.build import build_system
from fertools.training.systems.stargan.recipe import StarganRecipe
from fertools.training.systems.stargan.system import changes_of

_VALIDATED = 128
"""Faces of validation people that are translated to every target, each time that the best state is looked for."""


def train_translator(job: Job) -> int:
    """Train a translating system to the end, and translate held-out faces with it.

    Returns:
        Iterations done by this call.
    """
    recipe = cast(StarganRecipe, job.choice.resolved.recipe)
    _warn_of_missing(job)
    loop, translator = open_translator(job)
    begun = loop.iteration
    examples = pick_examples(job.faces, recipe.sample_faces)
    headings = ["input", *(target.words for target in translator.targets)]
    labels = [_label(job.faces, row) for row in examples.tolist()]

    def sample(iteration: int) -> None:
        files.write_bytes(job.folder.sample_path(iteration), draw_grid(headings, labels, translator.grid(examples)))

    hooks = Hooks(sample, recipe.sample_every)
    if recipe.judge:
        validation = spread(job.faces.rows("val"), _VALIDATED)
        hooks = replace(hooks, validate=open_chooser(job, translator, validation, recipe.judge))
    run_loop(job, loop, hooks)
    job.record["used_iteration"] = loop.take_best()
    if job.team.is_first:
        _conclude(job, translator, recipe)
    return loop.iteration - begun


def open_translator(job: Job) -> tuple[Loop, Translator]:
    """Return a run's loop, where its newest checkpoint left it, and the means to translate with its generator."""
    recipe = cast(StarganRecipe, job.choice.resolved.recipe)
    augmentation = Augmentation(flip=recipe.flip) if recipe.augmented == "seen" else changes_of(recipe)
    feed = make_feed(job, recipe, augmentation)
    system = cast(TranslatingSystem, build_system(job.choice.resolved))
    loop = make_loop(job, recipe, system, feed)
    targets = system.targets(torch.from_numpy(job.faces.prototypes()))
    return loop, Translator(system, loop.network(system.averaged[0]), feed, targets, loop.autocast)


def _conclude(job: Job, translator: Translator, recipe: StarganRecipe) -> None:
    """Translate held-out faces and measure."""
    record, folder = job.record, job.folder
    save_model(job, translator.system.averaged[0], translator.generator.state_dict())
    rows = spread(job.faces.rows("test"), recipe.translate_faces)
    job.report.note(f"translating {len(rows)} held-out faces to {len(translator.targets)} targets")
    record["results"], qualities = evaluate(translator, job.faces, rows, folder.generated)
    table = list_translations(
        job.workspace,
        job.faces,
        rows,
        translator.targets,
        qualities,
        folder=folder.generated,
        run=f"{record['system']}/{record['run']}",
        size_px=recipe.image_size,
    )
    add_translations(folder.root, table)
    made = list_generated(
        job.workspace,
        job.faces,
        rows,
        translator.targets,
        folder=folder.generated,
        system=record["system"],
        run=record["run"],
        size_px=recipe.image_size,
        generator_fold=recipe.test_fold if job.faces.has_folds else None,
    )
    record["generated"] = job.workspace.name_of(made) if made else None


def _warn_of_missing(job: Job) -> None:
    missing = [emotion for emotion, count in job.faces.counts("train").items() if not count]
    if missing and len(missing) < len(job.faces.classes):
        job.report.note(f"no training face shows {', '.join(missing)}, so the model cannot learn what that looks like")


def _label(faces: Faces, row: int) -> str:
    """Return whom a face shows and how, as two lines beside a row of a sample grid."""
    subject = str(faces.table["subject_id"][row].as_py() or "unknown")
    valence, arousal = faces.valence_arousal[row].tolist()
    index = int(faces.emotions[row])
    return f"{subject}\n{faces.classes[index] if index >= 0 else f'v {valence:+.1f} a {arousal:+.1f}'}"


def spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` of `rows` at even distances, or all of them if `count` is 0 or more than there are.

    Example:
        >>> spread(np.arange(7), 3).tolist()
        [0, 3, 6]
    """
    if not count or count >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
