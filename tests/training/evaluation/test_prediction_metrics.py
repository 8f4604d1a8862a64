"""Metrics of a run against scikit-learn, scipy and cases computed by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn import metrics

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.statistics.concordance import concordance
from fertools.training.evaluation.prediction_metrics import METRICS, compute_metrics
from fertools.training.evaluation.predictions import Predictions, TrainingSummary, make_predictions
from tests.training.guesses import invent


@pytest.fixture(scope="module")
def run() -> Predictions:
    return invent(va=True)


def test_pooled_and_fold_measures_are_scikit_learns(run: Predictions) -> None:
    found = compute_metrics(run)["classification"]
    labels, probabilities, folds = run.labels(), run.probabilities(), run.folds()
    decided = probabilities.argmax(axis=1)
    oracles: dict[str, Callable[[Any, Any], Any]] = {
        "accuracy": lambda y, p: metrics.accuracy_score(y, p.argmax(axis=1)),
        "balanced_accuracy": lambda y, p: metrics.balanced_accuracy_score(y, p.argmax(axis=1)),
        "macro_f1": lambda y, p: metrics.f1_score(y, p.argmax(axis=1), average="macro"),
        "macro_auc": lambda y, p: metrics.roc_auc_score(np.eye(7)[y], p, average="macro"),
        "micro_auc": lambda y, p: metrics.roc_auc_score(np.eye(7)[y], p, average="micro"),
        "nll": lambda y, p: -np.log(p[np.arange(len(y)), y]).mean(),
        "brier": lambda y, p: ((p - np.eye(7)[y]) ** 2).sum(axis=1).mean(),
    }
    assert set(oracles) == set(METRICS) - {"ece"}
    for name, oracle in oracles.items():
        assert found["measures"][name]["pooled"] == pytest.approx(oracle(labels, probabilities)), name
        each = [oracle(labels[folds == fold], probabilities[folds == fold]) for fold in range(4)]
        entry = found["measures"][name]["folds"]
        assert entry["mean"] == pytest.approx(np.mean(each)), name
        half = stats.t.ppf(0.975, 3) * np.std(each, ddof=1) / 2
        assert (entry["low"], entry["high"]) == pytest.approx((np.mean(each) - half, np.mean(each) + half))
        assert [part["measures"][name] for part in found["by_fold"]] == pytest.approx(each)
    assert found["confusion"]["counts"] == metrics.confusion_matrix(labels, decided).tolist()
    assert np.sum(found["confusion"]["shares"], axis=1) == pytest.approx(1)
    assert found["roc"]["fear"]["auc"] == pytest.approx(metrics.roc_auc_score(labels == 2, probabilities[:, 2]))
    each_class = metrics.precision_recall_fscore_support(labels, decided)
    for index, row in enumerate(found["per_class"]):
        assert (row["precision"], row["recall"], row["f1"], row["faces"]) == pytest.approx(
            [column[index] for column in each_class]
        )
        assert row["recall_people"]["low"] <= row["recall"] <= row["recall_people"]["high"]


def test_intervals_over_people_hold_the_value_and_are_wider_than_single_faces_would_have_them(run: Predictions) -> None:
    found = compute_metrics(run)["classification"]["measures"]
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier"):
        assert found[name]["people"]["low"] < found[name]["pooled"] < found[name]["people"]["high"]
    assert found["macro_auc"]["people"] is None
    nameless = Predictions(
        run.table.set_column(1, "subject_id", pa.nulls(len(run.table), pa.string())), run.classes, run.trained
    )
    alone = compute_metrics(nameless)
    assert (alone["nameless"], alone["subjects"]) == (len(run.table), 0)
    width = found["accuracy"]["people"]["high"] - found["accuracy"]["people"]["low"]
    ends = alone["classification"]["measures"]["accuracy"]["people"]
    assert ends["high"] - ends["low"] < width


def test_the_result_is_the_same_each_time_and_goes_into_json(run: Predictions) -> None:
    assert json.loads(json.dumps(compute_metrics(run), allow_nan=False)) == compute_metrics(run)


def test_guesses_that_look_at_no_face() -> None:
    # Trained on 3 of anger and 1 of fear; tested on 2 of anger, 6 of fear.
    rows = pa.table({"face_id": [f"{index}" for index in range(8)], "emotion": ["anger"] * 2 + ["fear"] * 6})
    made = make_predictions(rows, rows, classes=("anger", "fear"), probabilities=np.full((8, 2), 0.5))
    predictions = Predictions(made.table, made.classes, {0: TrainingSummary(4, {"anger": 3, "fear": 1}, None, None)})
    baselines = compute_metrics(predictions)["classification"]["baselines"]
    pooled = {name: {key: entry["pooled"] for key, entry in values.items()} for name, values in baselines.items()}
    assert pooled["majority"] == {
        "accuracy": 0.25,
        "balanced_accuracy": 0.5,
        "macro_f1": pytest.approx((2 * 2 / (8 + 2) + 0) / 2),
    }
    # Expected decisions: of 2 anger 1.5 right, of 6 fear 1.5 right.
    assert pooled["prior"] == {
        "accuracy": pytest.approx(3 / 8),
        "balanced_accuracy": pytest.approx(0.5),
        "macro_f1": pytest.approx((2 * 1.5 / (2 + 6) + 2 * 1.5 / (6 + 2)) / 2),
        "nll": pytest.approx(-(2 * math.log(0.75) + 6 * math.log(0.25)) / 8),
    }


def test_a_majority_of_the_training_part_is_taken_fold_by_fold() -> None:
    run = invent(subjects=4, folds=4)
    expected = 0
    for fold in range(4):
        counts = run.trained[fold].emotions
        majority = max(EMOTIONS, key=lambda name: (counts.get(name, 0), -EMOTIONS.index(name)))
        expected += int(((run.folds() == fold) & (run.labels() == EMOTIONS.index(majority))).sum())
    found = compute_metrics(run)["classification"]["baselines"]["majority"]["accuracy"]["pooled"]
    assert found == pytest.approx(expected / len(run.table))


def test_valence_and_arousal_beside_the_training_mean(run: Predictions) -> None:
    found = compute_metrics(run)["valence_arousal"]
    for name in ("valence", "arousal"):
        truths, estimates = run.numbers(name), run.numbers(f"{name}_predicted")
        measures = found[name]["measures"]
        assert measures["ccc"]["pooled"] == pytest.approx(concordance(estimates, truths))
        assert measures["pcc"]["pooled"] == pytest.approx(stats.pearsonr(estimates, truths).statistic)
        assert measures["rmse"]["pooled"] == pytest.approx(metrics.root_mean_squared_error(truths, estimates))
        assert measures["ccc"]["people"]["low"] < measures["ccc"]["pooled"] < measures["ccc"]["people"]["high"]
        constant = [getattr(run.trained[fold], name) for fold in run.folds().tolist()]
        baseline = found[name]["baseline"]
        assert baseline["rmse"]["pooled"] == pytest.approx(metrics.root_mean_squared_error(truths, constant))
        assert baseline["ccc"]["folds"]["mean"] == 0


def test_faces_of_labels_that_the_model_does_not_know_are_counted_and_left_out() -> None:
    run = invent()
    labels = run.table["emotion"].to_pylist()
    odd = ["contempt" if index < 5 else None if index < 8 else name for index, name in enumerate(labels)]
    table = run.table.set_column(
        run.table.column_names.index("emotion"), run.table.schema.field("emotion"), pa.array(odd, pa.string())
    )
    found = compute_metrics(Predictions(table, run.classes, run.trained))["classification"]
    assert (found["left_out"], found["faces"]) == (8, len(labels) - 8)


def test_without_truth_there_is_nothing_to_say() -> None:
    rows = pa.table({"face_id": ["a"], "emotion": pa.nulls(1, pa.string())})
    made = make_predictions(rows, rows, classes=("anger", "fear"), probabilities=np.array([[0.5, 0.5]]))
    with pytest.raises(InputError, match="label the tested faces"):
        compute_metrics(made)


def test_a_class_nobody_shows_in_a_fold_is_no_zero() -> None:
    rows = pa.table({"face_id": ["a", "b"], "emotion": ["anger", "anger"]})
    made = make_predictions(rows, rows, classes=("anger", "fear"), probabilities=np.array([[0.9, 0.1], [0.8, 0.2]]))
    found = compute_metrics(made)["classification"]
    assert found["measures"]["balanced_accuracy"]["pooled"] == 1
    assert found["measures"]["macro_auc"]["pooled"] is None
    assert found["measures"]["macro_auc"]["folds"] is None
    assert found["confusion"]["shares"] == [[1.0, 0.0], None]
    assert found["per_class"][1]["recall"] is None
