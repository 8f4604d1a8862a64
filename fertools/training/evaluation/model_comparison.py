"""Two runs on the same faces: which is better, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import InputError
from fertools.statistics.classification import accuracy, balanced_accuracy, confusion_matrix, macro_f1
from fertools.statistics.intervals import Floats, interval_as_json
from fertools.statistics.jackknife import jackknife_intervals
from fertools.statistics.paired_tests import corrected_paired_test, holm, mcnemar
from fertools.statistics.sums import group_sums
from fertools.training.evaluation.predictions import Predictions

_METRICS = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}


def compare_all(runs: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """Return `compare` of every two of several runs, p-values corrected for there being so many (`p_holm`).

    Args:
        runs: by name, at least two.

    Raises:
        InputError: two of them have no face in common that both classify.
    """
    found = [
        {"first": first, "second": second} | compare(runs[first], runs[second])
        for first, second in combinations(runs, 2)
    ]
    for entry, p in zip(found, holm([entry["mcnemar"]["p"] for entry in found]), strict=True):
        entry["mcnemar"]["p_holm"] = p
    for name in _METRICS:
        tested = [entry for entry in found if entry["measures"][name]["folds"]]
        corrected = holm([entry["measures"][name]["folds"]["p"] for entry in tested])
        for entry, p in zip(tested, corrected, strict=True):
            entry["measures"][name]["folds"]["p_holm"] = p
    return found


def compare(first: Predictions, second: Predictions) -> dict[str, Any]:
    """Return how two runs differ on the faces that both have classified.

    Args:
        first: of one run.
        second: of the other; a face must have the same label and fold in both.

    Returns:
        `faces`, those in common; `left_out`, those that only one of them has; `mcnemar` on these faces; and for each of
        accuracy, balanced accuracy and macro F1 `measures` with `difference` (first minus second, pooled), `people`
        (ends of its interval over people), and `folds` (the corrected paired test, None with one fold).

    Raises:
        InputError: they classify no face in common, or a common one differs in label or fold.
    """
    first_common, second_common = _common(first, second)
    classes = tuple(dict.fromkeys((*first.classes, *second.classes)))
    labels = _codes(first_common.table["emotion"], classes)
    width, folds = len(classes), first_common.folds()
    decided = [_decisions(side, classes) for side in (first_common, second_common)]
    tables = [np.eye(width * width)[labels * width + choice] for choice in decided]
    groups = np.unique(np.array(first_common.groups()), return_inverse=True)[1]

    def differences(sums: Floats) -> Floats:
        one, two = (sums[:, side].reshape(-1, width, width) for side in (slice(width**2), slice(width**2, None)))
        return np.stack([measure(one) - measure(two) for measure in _METRICS.values()], axis=1)

    pooled = differences(np.concatenate(tables, axis=1).sum(axis=0, keepdims=True))[0]
    ends = jackknife_intervals(group_sums(groups, np.concatenate(tables, axis=1)), differences, ["free"])
    each = [
        [
            float(measure(confusion_matrix(labels[part], decided[0][part], width)))
            - float(measure(confusion_matrix(labels[part], decided[1][part], width)))
            for measure in _METRICS.values()
        ]
        for part in (folds == fold for fold in np.unique(folds).tolist())
    ]
    share = _tested_per_trained(first_common)
    measures = {}
    for index, name in enumerate(_METRICS):
        test = corrected_paired_test([values[index] for values in each], share)
        measures[name] = {
            "difference": float(pooled[index]),
            "people": interval_as_json(ends[index]),
            "folds": asdict(test) if test else None,
        }
    return {
        "faces": len(labels),
        "left_out": len(first.table) + len(second.table) - 2 * len(labels),
        "mcnemar": asdict(mcnemar(decided[0] == labels, decided[1] == labels)),
        "measures": measures,
    }


def _common(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Return both cut down to the labelled faces of both, in one order."""
    classes = [set(side.classes) for side in (first, second)]
    both = pc.is_in(first.table["face_id"], value_set=second.table["face_id"].combine_chunks())
    known = pc.is_in(first.table["emotion"], value_set=pa.array(sorted(classes[0] & classes[1]), pa.string()))
    first_common = first.table.filter(pc.and_(both, known))
    second_common = second.table.filter(
        pc.is_in(second.table["face_id"], value_set=first_common["face_id"].combine_chunks())
    )
    if not len(first_common):
        raise InputError("the two runs have no labelled face in common; compare runs on the same faces")
    for column in ("emotion", "fold"):
        differs = pc.not_equal(first_common[column], second_common[column])
        if pc.any(pc.fill_null(differs, True)).as_py():
            name = first_common["face_id"].filter(pc.fill_null(differs, True))[0].as_py()
            raise InputError(
                f"the face {name} has another {column} in the two runs; compare runs on the same labels and folds"
            )
    return Predictions(first_common, first.classes, first.trained), Predictions(
        second_common, second.classes, second.trained
    )


def _codes(names: pa.ChunkedArray, classes: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(pc.index_in(names, value_set=pa.array(classes, pa.string())).to_numpy(), np.int64)


def _decisions(side: Predictions, classes: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    places = np.array([classes.index(name) for name in side.classes], np.int64)
    decided: np.ndarray[Any, np.dtype[np.int64]] = places[side.probabilities().argmax(axis=1)]
    return decided


def _tested_per_trained(side: Predictions) -> float:
    """Return the mean over folds of n_test / n_train."""
    sizes = {fold: int((side.folds() == fold).sum()) for fold in np.unique(side.folds()).tolist()}
    ratios = [size / side.trained[fold].faces for fold, size in sizes.items() if side.trained[fold].faces]
    return float(np.mean(ratios)) if ratios else 0.0
