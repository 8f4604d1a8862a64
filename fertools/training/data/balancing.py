"""How much each face counts, and how often it comes: weights for a loss, and chances for a sampler."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError
from fertools.training.data.faces import Faces
from fertools.training.data.sampler import balanced_weights

ClassWeights = Literal["none", "inverse", "root"]
SamplingOrder = Literal["shuffled", "balanced", "groups"]


def loss_weights(faces: Faces, class_weights: ClassWeights, *, use_weight: bool) -> NDArray[np.float32]:
    """Return for every face how much it counts in a loss; the mean over the training faces is 1.

    With that mean, weighing leaves the size of the loss, and so the learning rate, as it was; and a batch that is
    dealt out to several processes has the same loss as in one.

    Args:
        faces: all.
        class_weights: `inverse`, one over the number of training faces of its class; `root`, the square root of
            that; `none`.
        use_weight: multiply by the manifest's column `weight`, where null is 1.

    Raises:
        InputError: all training faces have the weight 0.
    """
    weights = np.ones(len(faces.table))
    training = faces.rows("train")
    if class_weights != "none":
        counts = np.bincount(faces.emotions[training] + 1, minlength=len(faces.classes) + 1)[1:]
        # A face without a class counts as one of a class of the usual size.
        usual = counts[counts > 0].mean() if counts.any() else 1.0
        sizes = np.where(faces.emotions >= 0, counts[faces.emotions], usual)
        factors = usual / np.maximum(sizes, 1)
        weights *= np.sqrt(factors) if class_weights == "root" else factors
    if use_weight:
        weights *= _weight_column(faces)
    mean = weights[training].mean()
    if not mean > 0:
        raise _all_weights_zero()
    return np.asarray(weights / mean, np.float32)


def sampling_weights(faces: Faces, order: SamplingOrder, *, use_weight: bool = False) -> NDArray[np.float64] | None:
    """Return for every training face how often it comes; None for each once an epoch.

    Args:
        faces: all.
        order: `shuffled`, each once; `balanced`, each class equally often; `groups`, each person equally often.
        use_weight: let a face come as often as the manifest's column `weight` says beside others of its class or
            person, where null is 1; for losses that are no sum over faces with labels.

    Raises:
        InputError: all training faces have the weight 0.
    """
    training = faces.rows("train")
    weights = _weight_column(faces)[training] if use_weight else np.ones(len(training))
    if not weights.any():
        raise _all_weights_zero()
    if order == "shuffled":
        return None if (weights == 1).all() else weights
    return balanced_weights((faces.emotions if order == "balanced" else encode_subjects(faces))[training], weights)


def _weight_column(faces: Faces) -> NDArray[np.float64]:
    return np.asarray(pc.fill_null(faces.table["weight"], 1.0).to_numpy(), np.float64)


def _all_weights_zero() -> InputError:
    return InputError("every training face has the weight 0, so none would count; correct the column `weight`")


def encode_subjects(faces: Faces) -> NDArray[np.int64]:
    """Return a number for every face that is the same for all faces of a person; those of nobody known share one."""
    numbers: dict[str | None, int] = {}
    names = faces.table["subject_id"].to_pylist()
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def read_soft_labels(path: Path, faces: Faces) -> NDArray[np.float32]:
    """Return the share of raters who saw each class in each face, NxC; rows of NaN where the file has none.

    Args:
        path: a CSV file with a column `face_id` and one of counts or shares for each class; what is left out is 0.
        faces: whose.

    Raises:
        InputError: the file is missing, a class has no column, a number is negative or not one, or no face of these
            is in it.
    """
    table = read_csv(path)
    if missing := [name for name in ("face_id", *faces.classes) if name not in table.columns]:
        raise InputError(f"{path} has no column {missing[0]}; it needs face_id and one for each of the classes")
    position = {name: row for row, name in enumerate(faces.table["face_id"].to_pylist())}
    soft_labels = np.full((len(position), len(faces.classes)), np.nan, np.float32)
    for number, face_id in enumerate(table.columns["face_id"]):
        if (row := position.get(face_id)) is None:
            continue
        where = f"{path.name}:{table.lines[number]}"
        try:
            votes = np.array([float(table.columns[name][number] or 0) for name in faces.classes])
        except ValueError as error:
            raise InputError(f"{where}: a vote is no number; correct it") from error
        if not (np.isfinite(votes).all() and votes.min() >= 0):
            raise InputError(f"{where}: a vote is below 0 or not finite; correct it")
        if votes.sum() > 0:
            soft_labels[row] = votes / votes.sum()
    if np.isnan(soft_labels).all():
        raise InputError(f"{path} has votes on none of these faces; its face_id are those of another manifest")
    return soft_labels
