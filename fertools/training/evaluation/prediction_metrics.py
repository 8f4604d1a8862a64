"""All metrics of a run, computed from its table of predictions alone.

Each metric is given twice. The mean over folds has the interval of Student's t, as papers report it. The metric over
all pooled faces has an interval over people, which holds for new people. Two baselines that use no image are always
given beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.statistics import classification as decisions
from fertools.statistics.calibration import (
    brier_losses,
    brier_score,
    calibration_error,
    log_losses,
    negative_log,
    negative_log_likelihood,
    reliability,
)
from fertools.statistics.concordance import AGREEMENT_SCALES, agreement_of, agreement_terms
from fertools.statistics.intervals import interval_as_json, mean_over_folds
from fertools.statistics.jackknife import Scale, jackknife_intervals, mean_intervals
from fertools.statistics.roc import area, macro_curve, micro_curve, one_against_rest, thinned
from fertools.statistics.sums import group_sums
from fertools.training.evaluation.breakdowns import break_down, by_subject
from fertools.training.evaluation.predictions import Predictions, TrainingSummary
from fertools.training.evaluation.sequence_votes import DECISIONS, sequence_metrics

Metrics = dict[str, Any]
"""The result of `compute_metrics`, in a form that JSON can hold."""
METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (UAR)",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "micro_auc": "micro AUC",
    "ece": "calibration error (ECE)",
    "nll": "negative log-likelihood",
    "brier": "Brier score",
}
"""Metrics of a classifier, with their names in tables."""
SMALLER_IS_BETTER = ("ece", "nll", "brier", "rmse")
AGREEMENTS = {"ccc": "CCC", "pcc": "PCC", "rmse": "RMSE", "sagr": "SAGR"}
"""Metrics of valence and arousal, with their names in tables."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def compute_metrics(predictions: Predictions) -> Metrics:
    """Return all metrics of a run.

    Args:
        predictions: predictions of one run, over all its folds.

    Returns:
        `faces`, `subjects`, `nameless` (faces of unknown people, each counted as a person), `folds` and `classes`. If
        the run has them, also `classification`, `sequences` (see `sequence_metrics`) and `valence_arousal`; see
        docs/how-to/evaluate.md.

    Raises:
        InputError: no face has both a prediction and a label.
    """
    subjects = predictions.table["subject_id"]
    scores: Metrics = {
        "faces": len(predictions.table),
        "subjects": len(set(subjects.to_pylist()) - {None}),
        "nameless": subjects.null_count,
        "folds": sorted(set(predictions.folds().tolist())),
        "classes": list(predictions.classes),
    }
    if predictions.classes and (predictions.labels() >= 0).any():
        scores["classification"] = _classification(predictions)
        if (sequences := sequence_metrics(predictions)) is not None:
            scores["sequences"] = sequences
    if valence_arousal := _valence_arousal(predictions):
        scores["valence_arousal"] = valence_arousal
    if not scores.keys() & {"classification", "valence_arousal"}:
        raise InputError("none of these faces has both a label and a prediction of it; label the tested faces first")
    return scores


def _classification(predictions: Predictions) -> Metrics:
    known = predictions.labels() >= 0
    labels, probabilities = predictions.labels()[known], predictions.probabilities()[known]
    folds, classes = predictions.folds()[known], predictions.classes
    decided = probabilities.argmax(axis=1)
    groups = np.array(predictions.groups())[known]
    single = [fold for fold in np.unique(folds).tolist() if len(np.unique(labels[folds == fold])) == 1]
    each = {fold: _metrics(labels[folds == fold], probabilities[folds == fold]) for fold in np.unique(folds).tolist()}
    for fold in single:
        # Macro F1 and AUC compare classes, and there is only one.
        each[fold]["macro_f1"] = each[fold]["macro_auc"] = None
    people = intervals_over_people([predictions])
    confusion = decisions.confusion_matrix(labels, decided, len(classes))
    bins = reliability(labels, probabilities)
    right = decided == labels
    return {
        "faces": int(known.sum()),
        "left_out": int((~known).sum()),
        "measures": {
            name: {
                "pooled": value,
                "people": people["measures"].get(name),
                "folds": interval_over_folds(each[fold][name] for fold in each),
            }
            for name, value in _metrics(labels, probabilities).items()
        },
        "folds_of_one_class": single,
        "baselines": _baselines(labels, folds, classes, predictions.trained, single),
        "per_class": _per_class(confusion, labels, probabilities, classes, people["recall"], folds),
        "confusion": {"counts": confusion.astype(int).tolist(), "shares": _row_shares(confusion)},
        "roc": _curves(labels, probabilities, classes),
        "reliability": [asdict(entry) for entry in bins],
        "by_fold": [
            {
                "fold": fold,
                "faces": int((folds == fold).sum()),
                "subjects": len(set(groups[folds == fold])),
                "trained": predictions.trained[fold].faces if fold in predictions.trained else None,
                "measures": values,
            }
            for fold, values in each.items()
        ],
        "by_subject": by_subject(groups, right),
        "by": break_down(predictions, known, labels, decided),
    }


def _metrics(labels: Integers, probabilities: Floats) -> dict[str, float | None]:
    """Return all METRICS of N faces; None for a metric that is not defined for them."""
    confusion = decisions.confusion_matrix(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    curves = one_against_rest(labels, probabilities)
    found: dict[str, float | None] = {name: float(measure(confusion)) for name, measure in DECISIONS.items()}
    found["macro_auc"] = float(np.mean([area(*curve) for curve in curves.values()])) if curves else None
    found["micro_auc"] = area(*micro_curve(labels, probabilities)) if probabilities.shape[1] > 1 else None
    found["ece"] = calibration_error(reliability(labels, probabilities))
    found["nll"] = negative_log_likelihood(labels, probabilities)
    found["brier"] = brier_score(labels, probabilities)
    return found


def intervals_over_people(repeats: Sequence[Predictions]) -> dict[str, Any]:
    """Return the intervals over people of all metrics that are functions of sums over people.

    Args:
        repeats: predictions of one run; or of several repeats, for the interval of the mean over them. A person is one
            group in all of them.

    Returns:
        `measures`, the interval of each metric by name; and `recall`, that of each class.
    """
    classes = len(repeats[0].classes)
    parts = []
    for run in repeats:
        known = run.labels() >= 0
        labels, probabilities = run.labels()[known], run.probabilities()[known]
        counts = np.eye(classes * classes)[labels * classes + probabilities.argmax(axis=1)]
        losses = np.stack([log_losses(labels, probabilities), brier_losses(labels, probabilities)], axis=1)
        parts.append((np.array(run.groups())[known], np.concatenate([counts, losses], axis=1)))

    def statistic(sums: Floats) -> Floats:
        confusion = sums[:, : classes * classes].reshape(-1, classes, classes)
        values = [measure(confusion)[:, None] for measure in DECISIONS.values()]
        faces = confusion.sum(axis=(1, 2))[:, None]
        return np.concatenate([*values, sums[:, classes * classes :] / faces, decisions.recall(confusion)], axis=1)

    names = [*DECISIONS, "nll", "brier"]
    scales: list[Scale] = ["share" for _ in DECISIONS]
    scales += ["positive", "positive"]
    scales += ["share" for _ in range(classes)]
    ends = [interval_as_json(found) for found in mean_intervals(parts, statistic, scales)]
    return {"measures": dict(zip(names, ends, strict=False)), "recall": ends[len(names) :]}


def interval_over_folds(values: Iterable[float | None]) -> Metrics | None:
    """Return the mean over folds with its interval, as JSON can hold it; None is a fold without a value."""
    found = mean_over_folds([float("nan") if value is None else value for value in values])
    return asdict(found) if found else None


def _baselines(
    labels: Integers, folds: Integers, classes: tuple[str, ...], trained: Any, single: Sequence[int]
) -> dict[str, Metrics]:
    """Return the metrics of two baselines that know the class frequencies of the training faces and use no image.

    `majority` always predicts the most frequent class. `prior` draws a class by its frequency; its metrics are those of
    the expected predictions.
    """
    width = len(classes)
    tables: dict[str, dict[int, Floats]] = {"majority": {}, "prior": {}}
    surprise: dict[int, float] = {}
    for fold in np.unique(folds).tolist():
        support = np.bincount(labels[folds == fold], minlength=width).astype(np.float64)
        probabilities = _frequencies(trained.get(fold), classes)
        tables["majority"][fold] = np.outer(support, np.eye(width)[probabilities.argmax()])
        tables["prior"][fold] = np.outer(support, probabilities)
        surprise[fold] = float((support * negative_log(probabilities)).sum())
    found = {
        name: {
            measure: {
                "pooled": float(function(np.sum(list(by_fold.values()), axis=0))),
                "folds": interval_over_folds(
                    float(function(table))
                    for fold, table in by_fold.items()
                    if not (measure == "macro_f1" and fold in single)
                ),
            }
            for measure, function in DECISIONS.items()
        }
        for name, by_fold in tables.items()
    }
    sizes = {fold: int((folds == fold).sum()) for fold in surprise}
    found["prior"]["nll"] = {
        "pooled": sum(surprise.values()) / len(labels),
        "folds": interval_over_folds(total / sizes[fold] for fold, total in surprise.items()),
    }
    return found


def _frequencies(trained: TrainingSummary | None, classes: tuple[str, ...]) -> Floats:
    counts = np.array([trained.emotions.get(name, 0) if trained else 0 for name in classes], np.float64)
    return counts / counts.sum() if counts.sum() else np.full(len(classes), 1 / len(classes))


def _per_class(
    confusion: Floats,
    labels: Integers,
    probabilities: Floats,
    classes: tuple[str, ...],
    recalls: list[Any],
    folds: Integers,
) -> list[Metrics]:
    """Return the metrics of each class; folds without its faces do not count in the mean of its F1 over folds."""
    decided = probabilities.argmax(axis=1)
    by_fold = [
        decisions.confusion_matrix(labels[folds == fold], decided[folds == fold], len(classes))
        for fold in np.unique(folds).tolist()
    ]
    areas = {index: area(*curve) for index, curve in one_against_rest(labels, probabilities).items()}
    columns = (decisions.precision(confusion), decisions.recall(confusion), decisions.f1(confusion))
    return [
        {
            "class": name,
            "faces": int(confusion[index].sum()),
            "decided": int(confusion[:, index].sum()),
            "precision": float(columns[0][index]),
            "recall": _known(columns[1][index]),
            "recall_people": recalls[index],
            "f1": _known(columns[2][index]),
            "f1_folds": interval_over_folds(float(decisions.f1(part)[index]) for part in by_fold if part[index].sum()),
            "auc": areas.get(index),
        }
        for index, name in enumerate(classes)
    ]


def _row_shares(confusion: Floats) -> list[list[float] | None]:
    totals = confusion.sum(axis=1)
    return [(row / total).tolist() if total else None for row, total in zip(confusion, totals, strict=True)]


def _curves(labels: Integers, probabilities: Floats, classes: tuple[str, ...]) -> dict[str, Metrics]:
    curves = {classes[index]: curve for index, curve in one_against_rest(labels, probabilities).items()}
    found = {name: _drawn_curve(*curve) for name, curve in curves.items()}
    if curves:
        found["macro"] = _drawn_curve(*macro_curve(list(curves.values())))
    if len(classes) > 1:
        found["micro"] = _drawn_curve(*micro_curve(labels, probabilities))
    return found


def _drawn_curve(across: Floats, up: Floats) -> Metrics:
    few_across, few_up = thinned(across, up)
    return {"auc": area(across, up), "fpr": few_across.round(4).tolist(), "tpr": few_up.round(4).tolist()}


def _valence_arousal(predictions: Predictions) -> dict[str, Metrics]:
    """Return CCC, PCC, RMSE and SAGR of valence and arousal, beside those of the constant training mean."""
    found: dict[str, Metrics] = {}
    groups, folds = np.array(predictions.groups()), predictions.folds()
    for name in ("valence", "arousal"):
        truths, estimates = predictions.numbers(name), predictions.numbers(f"{name}_predicted")
        known = ~np.isnan(truths) & ~np.isnan(estimates)
        if not known.any():
            continue
        truth, part = truths[known], folds[known]
        means = [
            getattr(predictions.trained[fold], name) if fold in predictions.trained else None for fold in part.tolist()
        ]
        constant = np.array([0.0 if mean is None else mean for mean in means])
        codes = np.unique(groups[known], return_inverse=True)[1]
        found[name] = {
            "faces": int(known.sum()),
            "measures": _agreements(estimates[known], truth, part, codes),
            "baseline": _agreements(constant, truth, part, None),
            "truths": truth.tolist(),
            "estimates": estimates[known].tolist(),
        }
    return found


def _agreements(estimates: Floats, truths: Floats, folds: Integers, codes: Integers | None) -> dict[str, Metrics]:
    terms = agreement_terms(estimates, truths)
    pooled = agreement_of(terms.sum(axis=0)).tolist()
    each = [agreement_of(terms[folds == fold].sum(axis=0)).tolist() for fold in np.unique(folds).tolist()]
    people: list[Any] = [None] * len(AGREEMENTS)
    if codes is not None:
        intervals = jackknife_intervals(group_sums(codes, terms), agreement_of, AGREEMENT_SCALES)
        people = [interval_as_json(interval) for interval in intervals]
    return {
        name: {
            "pooled": pooled[index],
            "people": people[index],
            "folds": interval_over_folds(values[index] for values in each),
        }
        for index, name in enumerate(AGREEMENTS)
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
