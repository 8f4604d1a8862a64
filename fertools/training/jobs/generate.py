"""`generate`: faces made by a trained system, as a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import Feed
from fertools.training.data.faces import Faces
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.engine.checkpoint import below, best_path, list_checkpoints, load_checkpoint
from fertools.training.engine.precision import Precision, usable
from fertools.training.evaluation.translations import (
    TRANSLATIONS_NAME,
    add_translations,
    list_translations,
    read_translations,
)
from fertools.training.evaluation.translator import Translator, pieces, to_pixels
from fertools.training.jobs.translating import spread
from fertools.training.recipes.recipe import nearest
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.generated import list_generated, made_id, picture_path, write_pictures
from fertools.training.runs.load import Finished, reopen_translator
from fertools.training.systems.base import Target, TranslatingSystem
from fertools.training.systems.build import build_system
from fertools.training.systems.stargan.recipe import StarganRecipe

Which = Literal["test", "train", "all"]


@dataclass(frozen=True)
class GenerateResult:
    """What a call of `generate` has come to.

    Attributes:
        manifest: of all faces that the run has made.
        folder: where the pictures are, a folder per expression.
        parents: faces that were translated.
        faces: made faces that were asked for.
        new_faces: of these, made by this call.
    """

    manifest: Path
    folder: Path
    parents: int
    faces: int
    new_faces: int


def generate(
    workspace: WorkspaceLike,
    name: str,
    *,
    which: Which = "test",
    emotions: Sequence[str] = (),
    limit: int = 0,
    device: str = "auto",
    report: Reporter | None = None,
) -> GenerateResult:
    """Translate faces by a trained system, and add what it makes to the run's manifest.

    What is there already is not made again, so an interrupted call goes on. Held-out faces are also translated back,
    and what comes of that goes into the run's `translations.parquet`, for `fertools evaluate`.

    Args:
        workspace: whose run and faces.
        name: `SYSTEM/RUN`.
        which: faces of people that the generator has never seen (`test`), those that it was trained on (`train`),
            or both.
        emotions: what to ask for; empty for every expression that the system knows.
        limit: translate so many faces at even distances; 0 for all.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        report: told of progress.

    Raises:
        InputError: there is no such run, it is not finished or does not translate, or an expression that it does not
            know.
        ResumeRefused: the faces, labels or folds are not those that it was trained on, so nobody can say whom its
            generator has seen.

    Example:
        >>> result = generate(Workspace("my-dataset"), "stargan/cpu", emotions=["fear"])
    """
    workspace = Workspace(workspace)
    report = report or Silent()
    run = reopen_translator(workspace, name)
    folder, record, recipe, faces = run.folder, run.record, run.recipe, run.faces
    system = _trained(run)
    targets = _wanted(system.targets(torch.from_numpy(faces.prototypes())), emotions, name)
    rows = spread(np.arange(len(faces.table)) if which == "all" else faces.rows(which), limit)
    with folder.locked("training"):
        translator = _translator(workspace, system, faces, targets, recipe, choose_device(device))
        made = _make(workspace, translator, faces, rows, folder, name, report)
        manifest = list_generated(
            workspace,
            faces,
            rows,
            targets,
            folder=folder.generated,
            system=record["system"],
            run=record["run"],
            size_px=recipe.image_size,
            generator_fold=recipe.test_fold if faces.has_folds else None,
        )
    if manifest is None:
        raise AssertionError("targets without an expression were refused before")
    return GenerateResult(manifest, folder.generated, len(rows), len(rows) * len(targets), made)


def _trained(run: Finished[StarganRecipe]) -> TranslatingSystem:
    """Return the system with its trained generator in place: the best if there was a judge, averaged if it was."""
    system = cast(TranslatingSystem, build_system(run.resolved))
    if not (saved := list_checkpoints(run.folder.checkpoints)):
        raise InputError(f"{run.folder.checkpoints} has no checkpoint; train the run again with --no-resume")
    path = best_path(run.folder.checkpoints) if run.recipe.judge else saved[-1]
    way_out = "put back a copy of it, or train the run again with --no-resume"
    tensors, used = load_checkpoint(path, way_out).tensors, system.averaged[0]
    prefix = "averages" if run.recipe.ema else "networks"
    with reading(path, "does not hold the weights of this run", "train it again with --no-resume"):
        system.networks[used].load_state_dict(below(f"{prefix}/{used}/", tensors))
    return system


def _wanted(targets: Sequence[Target], emotions: Sequence[str], name: str) -> list[Target]:
    """Return the targets that were asked for."""
    known = {target.emotion: target for target in targets if target.emotion is not None}
    if not known:
        raise InputError(
            f"{name} translates to points of valence and arousal, which a manifest of made faces has no column for; "
            "take a run with condition class7 or class7+va2"
        )
    for emotion in emotions:
        if emotion not in known:
            raise InputError(f"{name} knows no '{emotion}'{nearest(emotion, known)}; it knows {', '.join(known)}")
    return [target for emotion, target in known.items() if not emotions or emotion in emotions]


def _translator(
    workspace: Workspace,
    system: TranslatingSystem,
    faces: Faces,
    targets: list[Target],
    recipe: StarganRecipe,
    device: str,
) -> Translator:
    pixels = load_pixels(workspace, faces, recipe.image_size, workspace.pixels)
    feed = Feed(faces, pixels, batch_size=1, augmentation=Augmentation(), seed=0, device=device)
    network = system.networks[system.averaged[0]].to(device)
    precision = Precision(usable(recipe.precision, device), {}, device)
    return Translator(system, network, feed, targets, lambda: precision.cast(""))


def _make(
    workspace: Workspace,
    translator: Translator,
    faces: Faces,
    rows: NDArray[np.int64],
    folder: RunFolder,
    run: str,
    report: Reporter,
) -> int:
    """Write the pictures that are not there yet, and measure those of held-out faces; return how many were written."""
    names = faces.table["face_id"].to_pylist()
    measured = set()
    if (folder.root / TRANSLATIONS_NAME).is_file():
        measured = set(read_translations(folder.root)["face_id"].to_pylist())
    report.start(len(rows) * len(translator.targets))
    made = done = 0
    for target in translator.targets:
        there = np.array([picture_path(folder.generated, target.words, names[row]).is_file() for row in rows], bool)
        known = np.array([made_id(names[row], run, target.words) in measured for row in rows], bool)
        tested = faces.held_out[rows]
        left, bare = rows[tested & ~(there & known)], rows[~tested & ~there]
        made += int((~there).sum())
        done += len(rows) - len(left) - len(bare)
        qualities = []
        for part in pieces(left):
            images, quality = translator.there_and_back(translator.feed.batch(part), target)
            write_pictures(folder.generated, target, faces, part, to_pixels(images))
            qualities.append(quality)
            report.advance(done := done + len(part))
        if qualities:
            found = list_translations(
                workspace,
                faces,
                left,
                [target],
                [np.concatenate(qualities)],
                folder=folder.generated,
                run=run,
                size_px=translator.feed.size_px,
            )
            add_translations(folder.root, found)
        for part in pieces(bare):
            images = translator.translate(translator.feed.batch(part).images, target)
            write_pictures(folder.generated, target, faces, part, to_pixels(images))
            report.advance(done := done + len(part))
    return made
