"""`evaluate` with networks: a classifier, Inception and a face recognition network, applied to generated faces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.hashing import hash_file
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.pixel_cache import load_digests, load_pixels, read_crop
from fertools.training.evaluation.cached_outputs import ImageSet, update_outputs
from fertools.training.evaluation.drawn_truth import draw_truths, truth_names, truth_paths
from fertools.training.evaluation.evaluation_networks import open_features, open_identity, open_judge, wrap_judge
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.originals import write_originals
from fertools.training.evaluation.translations import read_translations
from fertools.training.jobs.compare_pictures import compare_pictures
from fertools.training.jobs.drawn_judge import train_drawn_judge
from fertools.training.jobs.gan_train import generated_and_held_out, train_on_generated
from fertools.training.jobs.translating import evenly_spaced
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.recipes.view import View
from fertools.training.reports.report import write_report
from fertools.training.runs.load import LoadedRun, load_predictor, load_translator
from fertools.training.runs.public_model import is_public


def assess(
    workspace: WorkspaceLike,
    name: str,
    options: EvaluationOptions,
    *,
    report: Reporter | None = None,
) -> None:
    """Apply evaluation networks to the generated faces of a translator, and write the run's report again.

    The outputs are stored in the run's folder. `compute_translation_metrics` computes the metrics from them. Images
    with stored outputs are not processed again.

    Args:
        workspace: workspace with the runs and their faces.
        name: run of the translator, as `SYSTEM/RUN`.
        options: networks to apply, and the device.
        report: reporter of progress.

    Raises:
        InputError: a run or weights are missing or of the wrong kind; there are no generated faces of training people;
            or faces that are not drawn have no true image.
        ResumeRefused: the faces, labels or folds have changed since one of these was trained.
        CheckFailed: a judge was trained on people whose faces were translated.
        Interrupted: stopped by a signal while training; the state is saved.
        StorageError: the disk is full.

    Example:
        >>> assess(Workspace("my-dataset"), "stargan/cpu", EvaluationOptions(judges=["classifier/cpu"]))
    """
    workspace = Workspace(workspace)
    report, chosen = report or Silent(), choose_device(options.device)
    translator = load_translator(workspace, name)
    table = read_translations(translator.folder.root)
    # All checks come before the first image is processed.
    networks = [
        open_judge(workspace, judge, translator, table, chosen, allow_leaks=options.allow_leaks)
        for judge in options.judges
    ]
    networks += [open_features(workspace, options.features, chosen)] if options.features else []
    networks += [open_identity(workspace, options.identity, chosen)] if options.identity else []
    own = [judge for judge in options.judges if not is_public(workspace, judge)]
    if options.gan_train and not own:
        raise InputError(
            f"GAN-train takes the recipe of a judge, and public models have none; name a run with {argument('judges')}"
        )
    recipes = [load_predictor(workspace, judge) for judge in own] if options.gan_train else []
    for judge in recipes:
        generated_and_held_out(workspace, translator, judge)
    root = translator.folder.root
    with translator.folder.locked("an evaluation"):
        write_originals(root, translator.selection)
        if options.drawn:
            report.note(f"drawing the true images of {len(table):,} translations")
            draw_truths(workspace, translator, table, report)
            networks.append(wrap_judge(train_drawn_judge(workspace, translator, table, chosen, report), chosen))
        for network in networks:
            report.note(f"evaluating generated and real faces with {network.name}")
            with_training = len(table) if network.kind == "features" else 0
            image_sets = _image_sets(workspace, translator, table, with_training)
            if options.drawn and network.kind == "judge":
                image_sets.append(_truths(root, translator, table))
            update_outputs(root, network, image_sets, report)
        if options.people_probe or options.nearest:
            compare_pictures(workspace, translator, table, options, report)
    for judge in recipes:
        train_on_generated(workspace, translator, judge, chosen, report, allow_leaks=options.allow_leaks)
    write_report(translator.folder, translator.record, workspace)


def _image_sets(
    workspace: Workspace, translator: LoadedRun[TranslatingRecipe], table: pa.Table, training: int
) -> list[ImageSet]:
    """Return the generated faces, the real held-out faces, and `training` evenly spaced real training faces.

    Real faces have the size of the generated ones, so that no difference comes from sharpness alone.
    """
    size_px, view = translator.recipe.image_size, translator.recipe.view
    paths = [workspace.path_of(name) for name in table["path"].to_pylist()]
    with ThreadPoolExecutor() as pool:
        generated = list(pool.map(_hash_picture, paths))

    def load_generated(part: NDArray[np.int64]) -> Pixels:
        return np.stack([read_crop(paths[row], size_px) for row in part])

    image_sets = [ImageSet(table["face_id"].to_pylist(), generated, load_generated)]
    return image_sets + [_real(workspace, faces, view, training) for faces in translator.selection.domains.values()]


def _real(workspace: Workspace, faces: Faces, view: View, training: int) -> ImageSet:
    """Return the held-out faces of a domain, and `training` evenly spaced training faces."""
    pixels = load_pixels(workspace, faces, view, workspace.pixels)
    digests = load_digests(workspace, faces, view, workspace.pixels)
    rows = np.flatnonzero(faces.held_out)
    if training:
        rows = np.concatenate([rows, evenly_spaced(np.flatnonzero(~faces.held_out), training)])

    def load(part: NDArray[np.int64]) -> Pixels:
        return np.asarray(pixels[rows[part]])

    names = faces.table["face_id"].take(pa.array(rows)).to_pylist()
    return ImageSet(names, [digests[row].tobytes().hex() for row in rows], load)


def _truths(root: Path, translator: LoadedRun[TranslatingRecipe], table: pa.Table) -> ImageSet:
    """Return the true images of translations of drawn faces."""
    paths, size_px = truth_paths(root, table), translator.recipe.image_size

    def load(part: NDArray[np.int64]) -> Pixels:
        return np.stack([read_crop(paths[row], size_px) for row in part])

    return ImageSet(truth_names(table), [_hash_picture(path) for path in paths], load)


def _hash_picture(path: Path) -> str:
    """Return the digest of the image of a generated face.

    Raises:
        InputError: the image cannot be read.
    """
    try:
        return hash_file(path)
    except OSError as error:
        raise InputError(
            f"the generated face {path} cannot be read ({error.strerror}); generate the faces of the run again"
        ) from error
