"""Comparison of methods on the same faces: differences of metrics, with intervals and tests.

A method may have several repeats, which are runs with other seeds, and perhaps with other folds. Faces, people and
folds stay the units of every test: the metrics of a method are means over its repeats, so more seeds do not count as
more faces. If the folds change with the repeat, the folds of one number count as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.statistics.classification import accuracy, balanced_accuracy, macro_f1, recall
from fertools.statistics.intervals import Floats, interval_as_json
from fertools.statistics.jackknife import jackknife_intervals
from fertools.statistics.paired_tests import corrected_paired_test, holm, mcnemar
from fertools.statistics.sums import group_sums
from fertools.training.evaluation.predictions import Predictions

_METRICS = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}
Repeats = Predictions | Sequence[Predictions]
"""The predictions of a method: of one run, or of several with other seeds."""
Pair = tuple[str, str, Sequence[str]]
"""Names of two methods, and the classes to compare the recall of as well."""


def compare_all(runs: Mapping[str, Repeats], pairs: Sequence[Pair] | None = None) -> list[dict[str, Any]]:
    """Return `compare` of pairs of methods, with p-values corrected for the number of pairs (`p_holm`).

    The p-values of classes are a family of their own.

    Args:
        runs: predictions of two or more methods, by name.
        pairs: pairs to compare; None for every pair.

    Raises:
        InputError: two runs have no labelled face in common.
    """
    if pairs is None:
        pairs = [(first, second, ()) for first, second in combinations(runs, 2)]
    found = [
        {"first": first, "second": second} | compare(runs[first], runs[second], classes)
        for first, second, classes in pairs
    ]
    _correct([entry["mcnemar"] for entry in found])
    for name in _METRICS:
        _correct([entry["measures"][name]["folds"] for entry in found])
    _correct([tested["folds"] for entry in found for tested in entry["classes"].values()])
    return found


def _correct(tests: Sequence[dict[str, Any] | None]) -> None:
    """Add `p_holm` to the tests of one family; None stands for a test that is not possible."""
    known = [test for test in tests if test is not None]
    for test, p in zip(known, holm([test["p"] for test in known]), strict=True):
        test["p_holm"] = p


def compare(first: Repeats, second: Repeats, classes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the differences of two methods on the faces that both classify.

    Args:
        first: predictions of one method.
        second: predictions of the other method; a face must have the same label in both, and the same fold in the same
            repeat of both.
        classes: classes to compare the recall of as well.

    Returns:
        `faces`, the number of common faces; `left_out`, the number of faces of only one method; `repeats`, the numbers
        of repeats of both; `mcnemar`, the test on the common faces; and `measures`, for accuracy, balanced accuracy
        and macro F1. In the test, a method with repeats wins a face if more of its repeats are correct. Each measure
        has `difference`: first minus second, pooled, the mean over repeats. It also has `people`, the ends of the
        interval over people, and `folds`, the corrected paired test, which is None with one fold. `classes` has the
        same for the recall of each of `classes`.

    Raises:
        InputError: they have no labelled face in common, a common face differs in label or fold, or neither method
            predicts a class.
    """
    sides = [[side] if isinstance(side, Predictions) else list(side) for side in (first, second)]
    first_common, second_common = _common(sides[0][0], sides[1][0])
    names = tuple(dict.fromkeys((*first_common.classes, *second_common.classes)))
    if unknown := [name for name in classes if name not in names]:
        raise InputError(f"no run predicts the class {unknown[0]}; the classes are {', '.join(names)}")
    labels = _codes(first_common.table["emotion"], names)
    common = [[_only(run, first_common) for run in side] for side in sides]
    for one, other in zip(*common, strict=False):
        _refuse_differing(one, other)
    decided = [np.stack([_decisions(run, names) for run in side]) for side in common]
    folds = np.stack([run.folds() for side in common for run in side])
    measures: dict[str, Callable[[Floats], Floats]] = dict(_METRICS)
    measures |= {name: _recall_of(names.index(name)) for name in classes}
    groups = np.unique(np.array(first_common.groups()), return_inverse=True)[1]
    differences = _differences(decided, list(measures.values()), len(names))
    cells = _cells(labels, decided, len(names))
    pooled = differences(cells.sum(axis=0, keepdims=True))[0]
    ends = jackknife_intervals(group_sums(groups, cells), differences, ["free"])
    by_run = cells.reshape(len(labels), len(folds), -1)
    each, single = [], []
    for fold in np.unique(folds).tolist():
        inside = (folds == fold).T
        each.append(differences((by_run * inside[:, :, None]).sum(axis=0).reshape(1, -1))[0])
        single.append(any(len(np.unique(labels[column])) == 1 for column in inside.T))
    share = max(_tested_per_trained(side) for side in (first_common, second_common))
    found = {}
    for index, name in enumerate(measures):
        # A fold with one class has no macro F1, and one without a class has no recall of it.
        values = [
            float(line[index]) for line, alone in zip(each, single, strict=True) if not (name == "macro_f1" and alone)
        ]
        test = corrected_paired_test([value for value in values if value == value], share)
        found[name] = {
            "difference": float(pooled[index]),
            "people": interval_as_json(ends[index]),
            "folds": asdict(test) if test else None,
        }
    right = [(choices == labels).mean(axis=0) for choices in decided]
    return {
        "faces": len(labels),
        "left_out": len(sides[0][0].table) + len(sides[1][0].table) - 2 * len(labels),
        "repeats": [len(side) for side in sides],
        "mcnemar": asdict(mcnemar(right[0] > right[1], right[1] > right[0])),
        "measures": {name: found[name] for name in _METRICS},
        "classes": {name: found[name] for name in classes},
    }


def _recall_of(index: int) -> Callable[[Floats], Floats]:
    def measure(confusion: Floats) -> Floats:
        value: Floats = recall(confusion)[..., index]
        return value

    return measure


def _cells(labels: NDArray[np.int64], decided: Sequence[NDArray[np.int64]], width: int) -> Floats:
    """Return, for each face, its cell in the confusion matrix of every repeat, for both methods."""
    cells = [np.eye(width * width)[labels * width + choice] for side in decided for choice in side]
    return np.concatenate(cells, axis=1)


def _differences(
    decided: Sequence[NDArray[np.int64]],
    measures: Sequence[Callable[[Floats], Floats]],
    width: int,
) -> Callable[[Floats], Floats]:
    """Return a function that turns sums of cells into the differences of all measures, each the mean over repeats."""
    first = len(decided[0])

    def differences(sums: Floats) -> Floats:
        tables = sums.reshape(len(sums), -1, width, width)
        columns = [
            measure(tables[:, :first]).mean(axis=1) - measure(tables[:, first:]).mean(axis=1) for measure in measures
        ]
        return np.stack(columns, axis=1)

    return differences


def _common(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Return the predictions for the common labelled faces, in the same order, which are labelled alike."""
    classes = [set(side.classes) for side in (first, second)]
    both = pc.is_in(first.table["face_id"], value_set=second.table["face_id"].combine_chunks())
    known = pc.is_in(first.table["emotion"], value_set=pa.array(sorted(classes[0] & classes[1]), pa.string()))
    first_common = first.table.filter(pc.and_(both, known))
    second_common = second.table.filter(
        pc.is_in(second.table["face_id"], value_set=first_common["face_id"].combine_chunks())
    )
    if not len(first_common):
        raise InputError("the two runs have no labelled face in common; compare runs on the same faces")
    found = (
        Predictions(first_common, first.classes, first.trained),
        Predictions(second_common, second.classes, second.trained),
    )
    _refuse_differing(*found)
    return found


def _only(run: Predictions, wanted: Predictions) -> Predictions:
    """Return the predictions of a repeat for some faces, which it must have, labelled alike.

    Raises:
        InputError: it lacks a face, or a face has another label.
    """
    table = run.table.filter(pc.is_in(run.table["face_id"], value_set=wanted.table["face_id"].combine_chunks()))
    if table["face_id"].to_pylist() != wanted.table["face_id"].to_pylist():
        raise InputError("the repeats of a run predict different faces; compare complete repeats")
    found = Predictions(table, run.classes, run.trained)
    _refuse_differing(found, wanted, ("emotion",))
    return found


def _refuse_differing(first: Predictions, second: Predictions, columns: Sequence[str] = ("emotion", "fold")) -> None:
    for column in columns:
        differs = pc.fill_null(pc.not_equal(first.table[column], second.table[column]), True)
        if pc.any(differs).as_py():
            name = first.table["face_id"].filter(differs)[0].as_py()
            raise InputError(
                f"the face {name} has another {column} in the two runs; compare runs on the same labels and folds"
            )


def _codes(names: pa.ChunkedArray, classes: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(pc.index_in(names, value_set=pa.array(classes, pa.string())).to_numpy(), np.int64)


def _decisions(side: Predictions, classes: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    indices = np.array([classes.index(name) for name in side.classes], np.int64)
    decided: np.ndarray[Any, np.dtype[np.int64]] = indices[side.probabilities().argmax(axis=1)]
    return decided


def _tested_per_trained(side: Predictions) -> float:
    """Return the mean over folds of n_test / n_train."""
    sizes = {fold: int((side.folds() == fold).sum()) for fold in np.unique(side.folds()).tolist()}
    ratios = [size / side.trained[fold].faces for fold, size in sizes.items() if side.trained[fold].faces]
    return float(np.mean(ratios)) if ratios else 0.0
