"""Runs of classifiers: the best epoch chosen on people of the training part, predictions of held-out faces after."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_file
from fertools.manifests import nested
from fertools.statistics.classification import accuracy, balanced_accuracy, confusion_matrix, macro_f1
from fertools.statistics.concordance import concordance
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.balancing import weigh_faces
from fertools.training.data.batch_loader import Feed
from fertools.training.data.faces import Faces, Side
from fertools.training.engine.loop import Hooks, Measures
from fertools.training.evaluation.predictions import Floats, make_predictions, write_predictions
from fertools.training.jobs.engine_setup import make_feed, make_loop, run_loop
from fertools.training.networks.backbones import load_weights, read_weights
from fertools.training.networks.published_weights import find_weights
from fertools.training.runs.artefact import save_model
from fertools.training.runs.folder import SAME_OR_ANEW
from fertools.training.runs.job import Job
from fertools.training.systems.base import ClassifyingSystem
from fertools.training.systems.build import build_system
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.classifier.system import NETWORK

_BATCH = 128


@dataclass(frozen=True)
class Reader:
    """A trained classifier, ready to read faces.

    Attributes:
        system: which says what the network's outputs mean.
        network: the network, or its moving average.
        feed: where faces come from.
        autocast: the precision that the network runs in.
    """

    system: ClassifyingSystem
    network: nn.Module
    feed: Feed
    autocast: Callable[[], AbstractContextManager[object]]

    @torch.no_grad()
    def read(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return NxC probabilities and Nx2 (valence, arousal) of the faces at some positions; Nx0 where not told."""
        training = self.network.training
        self.network.eval()
        shares, points = [], []
        for start in range(0, len(rows), _BATCH):
            images = self.feed.batch(rows[start : start + _BATCH]).images
            with self.autocast():
                logits, estimates = self.system.predict(self.network, images)
            shares.append(logits.float().softmax(dim=1).cpu().numpy())
            points.append(estimates.float().cpu().numpy())
        self.network.train(training)
        return np.concatenate(shares), np.concatenate(points)


def train_classifier(job: Job) -> int:
    """Train a classifier to the end, and write what it says of held-out faces.

    Returns:
        Iterations done by this call.
    """
    recipe = cast(ClassifierRecipe, job.choice.resolved.recipe)
    feed = make_feed(
        job,
        recipe,
        Augmentation(
            flip=recipe.flip,
            rotate_deg=recipe.rotate_deg,
            shift=recipe.shift,
            scale=recipe.scale,
            brightness=recipe.brightness,
            contrast=recipe.contrast,
            erase=recipe.erase,
        ),
        weights=weigh_faces(job.faces, recipe.class_weights, use_weight=recipe.use_weight),
    )
    system = cast(ClassifyingSystem, build_system(job.choice.resolved))
    if recipe.pretrained:
        _take_pretrained(job, system.networks[NETWORK], recipe.pretrained)
    loop = make_loop(job, recipe, system, feed)
    begun = loop.iteration
    reader = Reader(system, loop.network(NETWORK), feed, loop.autocast)
    validation = job.faces.rows("val")

    def validate() -> Measures:
        return _measured(job.faces, validation, *reader.read(validation))

    run_loop(job, loop, Hooks(validate=validate if len(validation) else None))
    job.record["used_iteration"] = loop.take_best()
    if job.team.is_first:
        _conclude(job, reader)
    return loop.iteration - begun


def predict_side(job: Job, side: Side, path: Path, shares: Floats, points: Floats) -> None:
    """Write what a model said of one side's faces.

    Args:
        job: whose faces.
        side: which.
        path: the file.
        shares: NxC probabilities, or Nx0.
        points: Nx2 valence and arousal, or Nx0.
    """
    faces = job.faces
    predictions = make_predictions(
        nested.take(faces.table, faces.rows(side)),
        nested.take(faces.table, faces.rows("train")),
        fold=job.choice.resolved.recipe.test_fold if faces.has_folds else 0,
        classes=faces.classes if shares.shape[1] else (),
        probabilities=shares if shares.shape[1] else None,
        valence_arousal=points if points.shape[1] else None,
    )
    write_predictions(path, predictions)


def measure(job: Job, side: Side, shares: Floats, points: Floats) -> Measures:
    """Return a few measures of what a model said of one side's faces; `faces` is how many those are."""
    rows = job.faces.rows(side)
    return {"faces": len(rows), **_measured(job.faces, rows, shares, points)}


def _conclude(job: Job, reader: Reader) -> None:
    """Write the weights and what the network says of validation and held-out faces."""
    job.report.note(f"reading {len(job.faces.rows('test'))} held-out faces")
    save_model(job, NETWORK, reader.network.state_dict())
    sides: tuple[Side, ...] = ("val", "test")
    for side in sides:
        if len(rows := job.faces.rows(side)):
            shares, points = reader.read(rows)
            predict_side(job, side, job.folder.predictions_path(side), shares, points)
            if side == "test":
                job.record["results"] = measure(job, side, shares, points)


def _measured(faces: Faces, rows: NDArray[np.int64], shares: Floats, points: Floats) -> Measures:
    """Return measures of some faces, the one that decides first.

    `uar` decides for expressions, `ccc`, the mean of both, for valence and arousal, and their mean where both are
    told; then come `accuracy`, `macro_f1`, `ccc_valence` and `ccc_arousal`, as far as the model tells what they need.
    """
    told: Measures = {}
    if shares.shape[1]:
        labels = faces.emotions[rows]
        labelled = labels >= 0
        matrix = confusion_matrix(labels[labelled], shares[labelled].argmax(axis=1), shares.shape[1])
        told |= {
            "uar": float(balanced_accuracy(matrix)),
            "accuracy": float(accuracy(matrix)),
            "macro_f1": float(macro_f1(matrix)),
        }
    if points.shape[1]:
        truths = faces.valence_arousal[rows]
        known = ~np.isnan(truths).any(axis=1)
        axes = [concordance(points[known, axis], truths[known, axis]) if known.any() else 0.0 for axis in (0, 1)]
        told |= {"ccc": float(np.mean(axes)), "ccc_valence": axes[0], "ccc_arousal": axes[1]}
    if "uar" in told and "ccc" in told:
        return {"uar_and_ccc": (told["uar"] + told["ccc"]) / 2, **told}
    return told


def _take_pretrained(job: Job, network: nn.Module, wanted: str) -> None:
    """Put weights from elsewhere into a network, and write down what they are.

    Raises:
        ResumeRefused: the run was begun with others.
    """
    path = find_weights(wanted, job.workspace)
    digest = hash_file(path)
    if (begun := job.record.get("pretrained", {}).get("digest", digest)) != digest:
        raise ResumeRefused(
            f"{path} holds other weights than those that the run '{job.record['run']}' was begun with ({begun[:8]}, "
            f"now {digest[:8]}); {SAME_OR_ANEW}"
        )
    with_head = load_weights(network, read_weights(path), str(path))
    job.report.note(f"begins with the weights of {path}{'' if with_head else ', but for the last layer'}")
    job.record["pretrained"] = {"name": wanted, "file": path.name, "digest": digest, "head": with_head}
