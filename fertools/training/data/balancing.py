"""Weights of faces: in a loss, and for the sampler; and soft labels from a file."""

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
    """Return the weight of each face in a loss; the mean over the training faces is 1.

    A mean of 1 keeps the scale of the loss, so the learning rate needs no change. It also makes the loss of a batch the
    same for any number of processes.

    Args:
        faces: all faces of the domain.
        class_weights: `inverse` for the inverse of the number of training faces of a class; `root` for its square root;
            `none` for equal weights.
        use_weight: whether to multiply by the column `weight` of the manifest, where null is 1.

    Returns:
        N float32 weights.

    Raises:
        InputError: all training faces have the weight 0.
    """
    weights = np.ones(len(faces.table))
    training = faces.rows("train")
    if class_weights != "none":
        counts = np.bincount(faces.emotions[training] + 1, minlength=len(faces.classes) + 1)[1:]
        # A face without a class has the weight of a face of an average class.
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
    """Return the sampling weight of each training face; None if every face comes once per epoch.

    Args:
        faces: all faces of the domain.
        order: `shuffled` for each face once; `balanced` for each class equally often; `groups` for each person equally
            often.
        use_weight: whether the column `weight` of the manifest sets the frequency of a face within its class or person.
            Null is 1. This is for losses that are not a sum over labelled faces.

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
    return InputError("every training face has the weight 0; correct the column `weight` of the manifest")


def encode_subjects(faces: Faces) -> NDArray[np.int64]:
    """Return N numbers, one per person; all faces without a person share one."""
    numbers: dict[str | None, int] = {}
    names = faces.table["subject_id"].to_pylist()
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def read_soft_labels(path: Path, faces: Faces) -> NDArray[np.float32]:
    """Return soft labels, NxC: the share of raters who chose each class; NaN for faces that are not in the file.

    Args:
        path: a CSV file with a column `face_id`, and a column of counts or shares for each class. An empty cell is 0.
        faces: the faces to label.

    Raises:
        InputError: the file is missing, a class has no column, a value is negative or not a number, or the file has
            none of these faces.
    """
    table = read_csv(path)
    if missing := [name for name in ("face_id", *faces.classes) if name not in table.columns]:
        raise InputError(f"{path} has no column {missing[0]}; give it face_id and a column for each class")
    position = {name: row for row, name in enumerate(faces.table["face_id"].to_pylist())}
    soft_labels = np.full((len(position), len(faces.classes)), np.nan, np.float32)
    for number, face_id in enumerate(table.columns["face_id"]):
        if (row := position.get(face_id)) is None:
            continue
        where = f"{path.name}:{table.lines[number]}"
        try:
            votes = np.array([float(table.columns[name][number] or 0) for name in faces.classes])
        except ValueError as error:
            raise InputError(f"{where}: a vote is not a number; correct it") from error
        if not (np.isfinite(votes).all() and votes.min() >= 0):
            raise InputError(f"{where}: a vote is below 0 or not finite; correct it")
        if votes.sum() > 0:
            soft_labels[row] = votes / votes.sum()
    if np.isnan(soft_labels).all():
        raise InputError(f"{path} has votes on none of these faces; give a file with the face_id of this manifest")
    return soft_labels
