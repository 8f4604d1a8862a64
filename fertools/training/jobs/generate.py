"""`generate`: translate faces with a trained system, and list them in a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fertools.core.arguments import given
from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.spelling import nearest
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.faces import Faces
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.engine.checkpoint import best_path, list_checkpoints, load_checkpoint, strip_prefix
from fertools.training.engine.precision import Precision, supported_precision
from fertools.training.evaluation.translations import (
    TRANSLATIONS_NAME,
    add_translations,
    list_translations,
    read_translations,
)
from fertools.training.evaluation.translator import Translator, split_batches, to_pixels
from fertools.training.jobs.translating import add_to_manifest, evenly_spaced, group_translations
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.runs.generated import generated_id, picture_path, write_pictures
from fertools.training.runs.load import LoadedRun, load_translator
from fertools.training.systems.base import System, Translation
from fertools.training.systems.factory import build_system

Which = Literal["test", "train", "all"]


@dataclass(frozen=True)
class GenerateResult(HtmlFields):
    """The result of `generate`.

    Attributes:
        manifest: manifest of all generated faces of the run.
        folder: folder of the images, with a folder per translation.
        parents: number of translated faces.
        faces: number of requested faces.
        new_faces: number of faces that this call generated.
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
    """Translate faces with a trained system, and add the generated faces to the run's manifest.

    Existing faces are not generated again, so an interrupted call can be resumed. Held-out faces are also translated
    back. Their reconstruction metrics go into the run's `translations.parquet`, for `fertools evaluate`.

    Args:
        workspace: workspace with the run and its faces.
        name: name of the run, as `SYSTEM/RUN`.
        which: held-out faces (`test`), training faces (`train`), or both (`all`).
        emotions: target expressions; empty for every expression of the system.
        limit: number of evenly spaced faces to translate; 0 for all.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        report: reporter of progress.

    Raises:
        InputError: there is no such run, it is not finished, it does not translate, or it does not know an expression.
        ResumeRefused: the faces, labels or folds have changed since it was trained, so its training people are not
            known.

    Example:
        >>> result = generate(Workspace("my-dataset"), "stargan/cpu", emotions=["fear"])
    """
    workspace = Workspace(workspace)
    report = report or Silent()
    run = load_translator(workspace, name)
    system = _trained(run)
    chosen = _wanted(system.translations(torch.from_numpy(run.faces.prototypes())), emotions, name)
    rows = {
        translation.source: _rows(run.selection.domains[translation.source], which, limit) for translation in chosen
    }
    generated, before, manifest = 0, 0, None
    with run.folder.locked("training"):
        translator = _translator(workspace, run, system, chosen, choose_device(device))
        report.start(sum(len(rows[translation.source]) for translation in chosen))
        for group in group_translations(chosen):
            source = group[0].source
            faces = run.selection.domains[source]
            for translation in group:
                generated += _generate(workspace, translator, translation, faces, rows[source], run, before, report)
                before += len(rows[source])
            manifest = add_to_manifest(
                workspace,
                run.selection.domains,
                rows[source],
                group,
                run.record,
                run.recipe,
                folder=run.folder.generated,
            )
    if manifest is None:
        raise AssertionError("translations without an expression were refused before")
    return GenerateResult(
        manifest,
        run.folder.generated,
        sum(map(len, rows.values())),
        sum(len(rows[translation.source]) for translation in chosen),
        generated,
    )


def _rows(faces: Faces, which: Which, limit: int) -> NDArray[np.int64]:
    return evenly_spaced(np.arange(len(faces.table)) if which == "all" else faces.rows(which), limit)


def _trained(run: LoadedRun[TranslatingRecipe]) -> System:
    """Return the system with its trained generators: the best checkpoint with a judge, and moving averages if kept."""
    system = build_system(run.resolved)
    if not (saved := list_checkpoints(run.folder.checkpoints)):
        raise InputError(
            f"{run.folder.checkpoints} has no checkpoint; train the run again with {given('resume', False)}"
        )
    path = best_path(run.folder.checkpoints) if run.recipe.judge else saved[-1]
    remedy = f"put back a copy of it, or train the run again with {given('resume', False)}"
    tensors = load_checkpoint(path, remedy).tensors
    with reading(path, "does not hold the weights of this run", f"train it again with {given('resume', False)}"):
        for name, network in system.networks.items():
            averaged = run.recipe.ema and name in system.averaged
            network.load_state_dict(strip_prefix(f"{'averages' if averaged else 'networks'}/{name}/", tensors))
    return system


def _wanted(translations: Sequence[Translation], emotions: Sequence[str], name: str) -> list[Translation]:
    """Return the translations to the requested expressions; without a request, all translations with an expression."""
    known = {translation.emotion: translation for translation in translations if translation.emotion is not None}
    kept = [translation for translation in translations if translation.keeps_emotion]
    if not known and not kept:
        raise InputError(
            f"{name} translates to valence and arousal, and the manifest of generated faces has no column for these; "
            "use a run with condition class7 or class7+va2"
        )
    if emotions and kept:
        raise InputError(f"{name} keeps the expression of a face, so it takes no target; leave the expressions out")
    for emotion in emotions:
        if emotion not in known:
            raise InputError(f"{name} knows no '{emotion}'{nearest(emotion, known)}; it knows {', '.join(known)}")
    return [*(translation for emotion, translation in known.items() if not emotions or emotion in emotions), *kept]


def _translator(
    workspace: Workspace,
    run: LoadedRun[TranslatingRecipe],
    system: System,
    chosen: Sequence[Translation],
    device: str,
) -> Translator:
    recipe = run.recipe
    sources = {
        name: FaceSource(faces, load_pixels(workspace, faces, recipe.view, workspace.pixels))
        for name, faces in run.selection.domains.items()
    }
    loader = BatchLoader(sources, batch_size=1, augmentation=Augmentation(), seed=0, device=device)
    for network in system.networks.values():
        network.to(device).eval()
    precision = Precision(supported_precision(recipe.precision, device), {}, device)
    return Translator(system, system.networks, loader, chosen, lambda: precision.cast(""))


def _generate(
    workspace: Workspace,
    translator: Translator,
    translation: Translation,
    faces: Faces,
    rows: NDArray[np.int64],
    run: LoadedRun[TranslatingRecipe],
    before: int,
    report: Reporter,
) -> int:
    """Write the missing images, and the metrics of those of held-out faces; return the number of new images."""
    folder, names = run.folder, faces.table["face_id"].to_pylist()
    measured = set()
    if (folder.root / TRANSLATIONS_NAME).is_file():
        measured = set(read_translations(folder.root)["face_id"].to_pylist())
    written = np.array([picture_path(folder.generated, translation.name, names[row]).is_file() for row in rows], bool)
    known = np.array([generated_id(names[row], run.name, translation.name) in measured for row in rows], bool)
    tested = faces.held_out[rows]
    new_test, new_training = rows[tested & ~(written & known)], rows[~tested & ~written]
    report.advance(done := before + len(rows) - len(new_test) - len(new_training))
    qualities = []
    for part in split_batches(new_test):
        images, quality = translator.translate_cycle(translator.loader.batch(part, translation.source), translation)
        write_pictures(folder.generated, translation, faces, part, to_pixels(images))
        qualities.append(quality)
        report.advance(done := done + len(part))
    if qualities:
        found = list_translations(
            workspace,
            faces,
            new_test,
            [translation],
            [np.concatenate(qualities)],
            folder=folder.generated,
            run=run.name,
            size_px=translator.loader.size_px,
        )
        add_translations(folder.root, found)
    for part in split_batches(new_training):
        images = translator.translate(translator.loader.batch(part, translation.source).images, translation)
        write_pictures(folder.generated, translation, faces, part, to_pixels(images))
        report.advance(done := done + len(part))
    return int((~written).sum())
