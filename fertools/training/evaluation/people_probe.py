"""A probe of identity: can a linear classifier tell from a generated face which person it was made from?

The probe is fitted to some faces of each held-out person and tested on others. All frames of a video, and all faces of
a moment, are on one side. Two halves take turns, so every face is tested once. The same probe with the same halves is
applied to the unchanged input faces. Drawn people also have the true images of the target.

The probe is a ridge regression from pixels to one indicator per person. Its strength of regularisation is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.hashing import hash_bytes
from fertools.core.parquet import read_parquet
from fertools.training.data.faces import Pixels
from fertools.training.data.pixel_cache import resize
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.evaluation.subject_means import mean_over_subjects

PROBE_NAME = "people-probe.parquet"
"""Table in the folder of a run: `face_id` of a generated face, and whether the probe names the person, by image."""
IMAGES = ("generated", "unchanged", "truth")
"""The images that a probe is applied to: generated faces, their unchanged inputs, and true images of drawn people."""
_SIDE_PX = 24
"""Side in pixels of the faces that a probe sees."""
_RIDGE = 0.1
"""Regularisation, as a share of the mean squared length of a face."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def fit_and_name(pictures: Sequence[Pixels], people: Integers, halves: Integers) -> Integers:
    """Return the person that a probe names for each picture; it is fitted to the pictures of the other half.

    Args:
        pictures: N pictures, each SxSx3 uint8 with any side.
        people: N numbers of people, from 0.
        halves: N numbers 0 or 1. Every person is in both.

    Example:
        >>> pictures = [np.full((8, 8, 3), value, np.uint8) for value in (10, 12, 200, 190)]
        >>> fit_and_name(pictures, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).tolist()
        [0, 0, 1, 1]
    """
    features = np.stack([resize(picture, _SIDE_PX).ravel() for picture in pictures]) / 127.5 - 1
    named = np.empty(len(people), np.int64)
    for half in (0, 1):
        fitted, tested = halves != half, halves == half
        named[tested] = _ridge(features[fitted], people[fitted], features[tested]).argmax(axis=1)
    return named


def _ridge(fitted: Floats, people: Integers, tested: Floats) -> Floats:
    """Return a score per person for each tested row. Each person has the same weight, however many faces there are."""
    counts = np.bincount(people)
    weights = np.sqrt(1 / counts[people])[:, None]
    centre = np.average(fitted, axis=0, weights=weights[:, 0] ** 2)
    rows = weights * (fitted - centre)
    targets = weights * (np.eye(len(counts))[people] - 1 / len(counts))
    # There are more pixels than faces, so the dual form is the smaller one.
    kernel = rows @ rows.T
    kernel[np.diag_indices(len(kernel))] += _RIDGE * np.trace(kernel) / len(kernel) + 1e-9
    scores: Floats = (tested - centre) @ rows.T @ np.linalg.solve(kernel, targets)
    return scores


def split_sequences(people: Sequence[str | None], sequences: Sequence[str]) -> Integers:
    """Return the half of each face, 0 or 1, or -1 for a face of nobody known or of a person with one sequence.

    Args:
        people: N people; None if not known.
        sequences: N names of videos or moments, whose faces stay together.

    Example:
        >>> split_sequences(["a", "a", "a", "b", None], ["v", "v", "w", "x", "y"]).tolist()
        [0, 0, 1, -1, -1]
    """
    of_person: dict[str, set[str]] = {}
    for person, sequence in zip(people, sequences, strict=True):
        if person is not None:
            of_person.setdefault(person, set()).add(sequence)
    half_of: dict[tuple[str, str], int] = {}
    for person, found in of_person.items():
        if len(found) > 1:
            # The order of digests is random, but always the same.
            ordered = sorted(found, key=lambda sequence: hash_bytes(f"{person} {sequence}".encode()))
            half_of |= {(person, sequence): number % 2 for number, sequence in enumerate(ordered)}
    return np.array(
        [half_of.get((str(person), sequence), -1) for person, sequence in zip(people, sequences, strict=True)], np.int64
    )


def probe_people(
    root: Path,
    names: Sequence[str],
    people: Sequence[str | None],
    sequences: Sequence[str],
    images: Mapping[str, Sequence[Pixels]],
) -> int:
    """Apply the probe to each kind of image, and write for each face whether it names the right person.

    Args:
        root: folder of the run.
        names: `face_id` of the N generated faces.
        people: the person of each face's parent; None if not known.
        sequences: the video or moment of each face's parent.
        images: N pictures by one of IMAGES.

    Returns:
        The number of people; fewer than two have no probe, and nothing is written.
    """
    halves = split_sequences(people, sequences)
    rows: list[int] = np.flatnonzero(halves >= 0).tolist()
    known = sorted({str(people[row]) for row in rows})
    if len(known) < 2:
        return len(known)
    numbers = np.array([known.index(str(people[row])) for row in rows], np.int64)
    columns: dict[str, Any] = {
        "face_id": [names[row] for row in rows],
        "person": [known[number] for number in numbers],
    }
    for kind, pictures in images.items():
        columns[kind] = fit_and_name([pictures[row] for row in rows], numbers, halves[rows]) == numbers
    with files.replacing(root / PROBE_NAME) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    return len(known)


def probe_metrics(root: Path, table: pa.Table) -> Metrics | None:
    """Return how often the probe names the right person; None if it was not applied to these faces.

    Args:
        root: folder of the run.
        table: rows of its generated faces.

    Returns:
        `faces`; `people`, their number; `chance`, the accuracy of guessing; and `measures`, for each of IMAGES that the
        probe was applied to: the mean accuracy over faces, with its interval over people.
    """
    path = root / PROBE_NAME
    if not path.is_file():
        return None
    found = read_parquet(path, remedy="remove it, and run the evaluation again")
    found = found.filter(pc.is_in(found["face_id"], value_set=table["face_id"].combine_chunks()))
    if not len(found):
        return None
    people = np.unique(np.array(found["person"].to_pylist()), return_inverse=True)[1]
    kinds = [kind for kind in IMAGES if kind in found.column_names]
    right = np.stack([np.asarray(found[kind].to_numpy(), np.float64) for kind in kinds], axis=1)
    return {
        "faces": len(found),
        "people": int(people.max()) + 1,
        "chance": 1 / (int(people.max()) + 1),
        "measures": dict(zip(kinds, mean_over_subjects(right, people), strict=True)),
    }
