"""Predictions of a trained system for validation and held-out faces."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from fertools.manifests import nested, store
from fertools.statistics.classification import accuracy, balanced_accuracy, confusion_matrix, macro_f1
from fertools.statistics.concordance import concordance
from fertools.training.data.batch_loader import BatchLoader
from fertools.training.data.faces import Faces, Side
from fertools.training.data.sequences import name_sequences
from fertools.training.engine.loop import Loop, Metrics
from fertools.training.evaluation.predictions import Floats, make_predictions, write_predictions
from fertools.training.runs.job import Job
from fertools.training.systems.base import Prediction, System
from fertools.training.systems.capabilities import predicting

_BATCH = 128


@dataclass(frozen=True)
class Predictor:
    """A system that predicts expressions, or valence and arousal.

    Attributes:
        system: system that interprets the outputs of the network.
        prediction: names of the network and of its domain.
        network: the network, or its moving average.
        loader: loader of the faces.
        autocast: returns the autocast context of the network.
    """

    system: System
    prediction: Prediction
    network: nn.Module
    loader: BatchLoader
    autocast: Callable[[], AbstractContextManager[object]]

    @classmethod
    def of(cls, system: System, loop: Loop, loader: BatchLoader) -> Predictor | None:
        """Return the predictor of a system in training; None if it predicts nothing."""
        if (prediction := system.prediction) is None:
            return None
        return cls(system, prediction, loop.network(prediction.network), loader, loop.autocast)

    def further(self, loop: Loop) -> list[Predictor]:
        """Return the predictors of the system's other networks."""
        return [
            replace(self, prediction=other, network=loop.network(other.network))
            for other in self.system.further_predictions
        ]

    def faces(self, job: Job) -> Faces:
        """Return the faces that this predicts: those of its domain that show one of its classes."""
        faces = job.selection.domains[self.prediction.domain]
        return faces.only(self.prediction.classes) if self.prediction.classes else faces

    def rows(self, job: Job, side: Side) -> NDArray[np.int64]:
        """Return the positions, among all faces of the domain, of those of one side that this predicts."""
        faces = job.selection.domains[self.prediction.domain]
        rows = faces.rows(side)
        if not (classes := self.prediction.classes):
            return rows
        metrics = np.array([name in classes for name in faces.classes])
        return np.asarray(rows[(faces.emotions[rows] >= 0) & metrics[faces.emotions[rows]]], np.int64)

    @torch.no_grad()
    def predict(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return NxC probabilities and Nx2 (valence, arousal) for N row numbers; Nx0 for what it does not predict."""
        training = self.network.training
        self.network.eval()
        probabilities, valence_arousal = [], []
        for start in range(0, len(rows), _BATCH):
            images = self.loader.batch(rows[start : start + _BATCH], self.prediction.domain).images
            with self.autocast():
                logits, estimates = predicting(self.system).predict(self.network, images)
            probabilities.append(logits.float().softmax(dim=1).cpu().numpy())
            valence_arousal.append(estimates.float().cpu().numpy())
        self.network.train(training)
        return np.concatenate(probabilities), np.concatenate(valence_arousal)


def measure_validation(job: Job, predictor: Predictor) -> Callable[[], Metrics] | None:
    """Return a function that computes the validation metrics; None if there are no validation faces.

    The first metric selects the checkpoint.
    """
    faces = job.selection.domains[predictor.prediction.domain]
    rows = faces.rows("val")
    return (lambda: _compute(faces, rows, *predictor.predict(rows))) if len(rows) else None


def predict_held_out(job: Job, predictor: Predictor) -> None:
    """Write the predictions of a network for validation and held-out faces."""
    faces = job.selection.domains[predictor.prediction.domain]
    if count := len(faces.rows("test")):
        job.report.note(f"predicting {count} held-out faces")
    sides: tuple[Side, ...] = ("val", "test")
    for side in sides:
        if len(rows := faces.rows(side)):
            probabilities, valence_arousal = predictor.predict(rows)
            write_part_predictions(job, faces, side, job.folder.predictions_path(side), probabilities, valence_arousal)
            if side == "test":
                job.record["results"] |= held_out_metrics(faces, side, probabilities, valence_arousal)


def predict_further(job: Job, predictor: Predictor) -> None:
    """Write and measure what another network than the system's main one says of held-out faces of its domain."""
    faces, rows = predictor.faces(job), predictor.rows(job, "test")
    if len(rows):
        domain = predictor.prediction.domain
        probabilities, valence_arousal = predictor.predict(rows)
        write_part_predictions(
            job, faces, "test", job.folder.predictions_path("test", domain), probabilities, valence_arousal
        )
        further = job.record["results"].setdefault("further", {})
        further[domain] = held_out_metrics(faces, "test", probabilities, valence_arousal)


def write_part_predictions(
    job: Job, faces: Faces, side: Side, path: Path, probabilities: Floats, valence_arousal: Floats
) -> None:
    """Write the predictions of a model for one split part.

    Args:
        job: run with the recipe.
        faces: all faces of the domain.
        side: the split part.
        path: path of the file.
        probabilities: NxC probabilities, or Nx0.
        valence_arousal: Nx2 valence and arousal, or Nx0.
    """
    folds = job.configuration.resolved.recipe.test_folds
    # Validation faces are in training folds. They get the number of the first test fold.
    several = side == "test" and len(folds) > 1
    tested = nested.take(faces.table, faces.rows(side))
    sequences, frames = name_sequences(job.workspace, tested)
    tested = store.replace_columns(tested, {"frame_index": pa.array(frames, pa.int32())})
    predictions = make_predictions(
        tested.append_column("sequence", pa.array(sequences, pa.string())),
        nested.take(faces.table, faces.rows("train")),
        fold=(None if several else folds[0]) if faces.has_folds else 0,
        run=job.folder.root.relative_to(job.workspace.root / "training").as_posix(),
        classes=faces.classes if probabilities.shape[1] else (),
        probabilities=probabilities if probabilities.shape[1] else None,
        valence_arousal=valence_arousal if valence_arousal.shape[1] else None,
    )
    write_predictions(path, predictions)


def held_out_metrics(faces: Faces, side: Side, probabilities: Floats, valence_arousal: Floats) -> Metrics:
    """Return the main metrics of a model on one split part; `faces` is the number of its faces.

    Args:
        faces: all faces of the domain.
        side: the split part.
        probabilities: NxC probabilities, or Nx0.
        valence_arousal: Nx2 valence and arousal, or Nx0.
    """
    rows = faces.rows(side)
    return {"faces": len(rows), **_compute(faces, rows, probabilities, valence_arousal)}


def _compute(faces: Faces, rows: NDArray[np.int64], probabilities: Floats, valence_arousal: Floats) -> Metrics:
    """Return metrics; the first one selects the checkpoint.

    It is `uar` for expressions, and `ccc` for valence and arousal, the mean of both. It is the mean of the two for a
    model that predicts both. Then come `accuracy`, `macro_f1`, `ccc_valence` and `ccc_arousal`, where defined.
    """
    metrics: Metrics = {}
    if probabilities.shape[1]:
        labels = faces.emotions[rows]
        labelled = labels >= 0
        matrix = confusion_matrix(labels[labelled], probabilities[labelled].argmax(axis=1), probabilities.shape[1])
        metrics |= {
            "uar": float(balanced_accuracy(matrix)),
            "accuracy": float(accuracy(matrix)),
            "macro_f1": float(macro_f1(matrix)),
        }
    if valence_arousal.shape[1]:
        truths = faces.valence_arousal[rows]
        known = ~np.isnan(truths).any(axis=1)
        axes = [
            concordance(valence_arousal[known, axis], truths[known, axis], undefined=0.0) if known.any() else 0.0
            for axis in (0, 1)
        ]
        metrics |= {"ccc": float(np.mean(axes)), "ccc_valence": axes[0], "ccc_arousal": axes[1]}
    if "uar" in metrics and "ccc" in metrics:
        return {"uar_and_ccc": (metrics["uar"] + metrics["ccc"]) / 2, **metrics}
    return metrics
