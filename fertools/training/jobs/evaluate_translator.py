"""`evaluate` with networks: made faces read by a classifier, by Inception and by a network that knows people."""

from __future__ import annotations

from collections.abc import Sequence
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
from fertools.training.evaluation.originals import write_originals
from fertools.training.evaluation.translations import read_translations
from fertools.training.jobs.drawn_judge import train_drawn_judge
from fertools.training.jobs.gan_train import generated_and_held_out, train_on_generated
from fertools.training.jobs.translating import evenly_spaced
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.reports.report import write_report
from fertools.training.runs.load import LoadedRun, load_predictor, load_translator


def assess(
    workspace: WorkspaceLike,
    name: str,
    *,
    judges: Sequence[str] = (),
    features: str = "",
    identity: str = "",
    gan_train: bool = False,
    drawn: bool = False,
    device: str = "auto",
    report: Reporter | None = None,
) -> None:
    """Let networks read what a translator made of held-out faces, and write the run's page anew.

    What they say is kept in the run's folder, and
    `fertools.training.evaluation.translation_metrics.compute_translation_metrics` computes the
    figures from it. Pictures that a network has read before are not read again.

    Args:
        workspace: whose runs and faces.
        name: `SYSTEM/RUN` of the translator.
        judges: runs of classifiers trained on real faces of other people.
        features: weights of Inception, a path or a name that `fertools weights` lists; empty for none.
        identity: weights of the network that knows people, likewise.
        gan_train: train a classifier by each judge's recipe on made faces, too.
        drawn: compare translations of drawn faces with the true pictures, and let a classifier of other drawn people,
            which is trained first, read both.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        report: told of progress.

    Raises:
        InputError: a run or weights are missing or of the wrong kind, there are no made faces of training people to
            train on, or faces that are not drawn have no true picture.
        ResumeRefused: the faces, labels or folds have changed since one of these was trained.
        CheckFailed: a judge was trained on people whose faces were translated.
        Interrupted: stopped by a signal while training; the state is saved.
        StorageError: the disk is full.

    Example:
        >>> assess(Workspace("my-dataset"), "stargan/cpu", judges=["classifier/cpu"])
    """
    workspace = Workspace(workspace)
    report, chosen = report or Silent(), choose_device(device)
    if gan_train and not judges:
        raise InputError(f"GAN-train takes the recipe of a judge; name one with {argument('judge')}")
    translator = load_translator(workspace, name)
    table = read_translations(translator.folder.root)
    # Whatever can be refused is refused before the first picture is read.
    networks = [open_judge(workspace, judge, translator, table, chosen) for judge in judges]
    networks += [open_features(workspace, features, chosen)] if features else []
    networks += [open_identity(workspace, identity, chosen)] if identity else []
    recipes = [load_predictor(workspace, judge) for judge in judges] if gan_train else []
    for judge in recipes:
        generated_and_held_out(workspace, translator, judge)
    root = translator.folder.root
    with translator.folder.locked("an evaluation"):
        write_originals(root, translator.selection)
        if drawn:
            report.note(f"drawing the true pictures of {len(table):,} translations")
            draw_truths(workspace, translator, table, report)
            networks.append(wrap_judge(train_drawn_judge(workspace, translator, table, chosen, report), chosen))
        for network in networks:
            report.note(f"reading made and real faces with {network.name}")
            with_training = len(table) if network.kind == "features" else 0
            image_sets = _image_sets(workspace, translator, table, with_training)
            if drawn and network.kind == "judge":
                image_sets.append(_truths(root, translator, table))
            update_outputs(root, network, image_sets, report)
    for judge in recipes:
        train_on_generated(workspace, translator, judge, chosen, report)
    write_report(translator.folder, translator.record, workspace)


def _image_sets(
    workspace: Workspace, translator: LoadedRun[TranslatingRecipe], table: pa.Table, training: int
) -> list[ImageSet]:
    """Return the made faces and the real held-out ones, and so many real training faces at even distances.

    Real faces are taken at the size of the made ones, so that no difference is one of sharpness alone.
    """
    size_px = translator.recipe.image_size
    paths = [workspace.path_of(name) for name in table["path"].to_pylist()]
    with ThreadPoolExecutor() as pool:
        generated = list(pool.map(_hash_picture, paths))

    def load_generated(part: NDArray[np.int64]) -> Pixels:
        return np.stack([read_crop(paths[row], size_px) for row in part])

    image_sets = [ImageSet(table["face_id"].to_pylist(), generated, load_generated)]
    return image_sets + [_real(workspace, faces, size_px, training) for faces in translator.selection.domains.values()]


def _real(workspace: Workspace, faces: Faces, size_px: int, training: int) -> ImageSet:
    """Return the held-out faces of a domain, and so many training faces at even distances."""
    pixels = load_pixels(workspace, faces, size_px, workspace.pixels)
    digests = load_digests(workspace, faces, size_px, workspace.pixels)
    rows = np.flatnonzero(faces.held_out)
    if training:
        rows = np.concatenate([rows, evenly_spaced(np.flatnonzero(~faces.held_out), training)])

    def load(part: NDArray[np.int64]) -> Pixels:
        return np.asarray(pixels[rows[part]])

    names = faces.table["face_id"].take(pa.array(rows)).to_pylist()
    return ImageSet(names, [digests[row].tobytes().hex() for row in rows], load)


def _truths(root: Path, translator: LoadedRun[TranslatingRecipe], table: pa.Table) -> ImageSet:
    """Return the true pictures of translations of drawn faces."""
    paths, size_px = truth_paths(root, table), translator.recipe.image_size

    def load(part: NDArray[np.int64]) -> Pixels:
        return np.stack([read_crop(paths[row], size_px) for row in part])

    return ImageSet(truth_names(table), [_hash_picture(path) for path in paths], load)


def _hash_picture(path: Path) -> str:
    """Return the digest of a made face's picture.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return hash_file(path)
    except OSError as error:
        raise InputError(
            f"the made face {path} cannot be read ({error.strerror}); make it again by `fertools generate`"
        ) from error
