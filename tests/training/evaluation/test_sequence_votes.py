"""The frames of a sequence vote; ties go to the highest mean probability, and every frame counts once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.vocabulary import EMOTIONS
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.predictions import Predictions
from fertools.training.evaluation.repeats import score_repeats
from fertools.training.evaluation.sequence_votes import sequence_metrics, vote
from fertools.training.reports.result_tables import metric_tables
from tests.training.guesses import invent, preferring, with_column


def with_sequences(run: Predictions, frames: int = 3) -> Predictions:
    """Return predictions in which the faces of one person and label are cut into sequences of some frames."""
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for person, label in zip(run.table["subject_id"].to_pylist(), run.table["emotion"].to_pylist(), strict=True):
        names.append(f"{person} {label} {seen[person, label] // frames}")
        seen[person, label] += 1
    return with_column(run, "sequence", names)


@pytest.mark.parametrize("seed", range(3))
def test_votes_are_those_of_a_count_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, codes = rng.dirichlet(np.ones(4) / 2, 60), rng.permutation(np.arange(60) % 13)
    expected = []
    for code in range(13):
        frames = probabilities[codes == code]
        counts = Counter(frames.argmax(axis=1).tolist())
        best = [kind for kind, count in counts.items() if count == max(counts.values())]
        expected.append(max(best, key=lambda kind: frames[:, kind].mean()))
    assert vote(probabilities, codes).tolist() == expected


def test_sequences_are_measured_over_people_and_folds() -> None:
    run = with_sequences(invent(faces=21))
    found = compute_metrics(run)["sequences"]
    names = np.array(run.table["sequence"].to_pylist())
    right = {}
    for name in sorted(set(names)):
        rows = np.flatnonzero(names == name)
        (decided,) = vote(run.probabilities()[rows], np.zeros(len(rows), np.int64))
        right[name] = decided == run.labels()[rows[0]]
    assert found["sequences"] == len(right)
    assert found["frames"] == len(names)
    assert found["measures"]["accuracy"]["pooled"] == pytest.approx(np.mean(list(right.values())))
    assert found["measures"]["accuracy"]["people"]["groups"] == 12
    assert found["measures"]["accuracy"]["folds"]["folds"] == 4
    assert sum(part["sequences"] for part in found["by_fold"]) == len(right)
    table = next(table for table in metric_tables({"Ours": compute_metrics(run)}) if "vote" in table.title)
    assert table.rows[0][:3] == ("Ours", f"{len(right)}", "252")


def test_the_order_of_rows_changes_nothing() -> None:
    run = with_sequences(invent())
    mixed = replace(run, table=run.table.take(pa.array(np.random.default_rng(0).permutation(len(run.table)))))
    assert sequence_metrics(mixed) == sequence_metrics(run)


def test_pictures_and_single_frames_have_no_sequences() -> None:
    assert "sequences" not in compute_metrics(invent())
    assert "sequences" not in compute_metrics(with_sequences(invent(), frames=1))


def test_a_sequence_with_several_labels_is_left_out() -> None:
    run = with_sequences(invent())
    whole = compute_metrics(run)["sequences"]
    names = run.table["sequence"].to_pylist()
    labels = dict(zip(names, run.table["emotion"].to_pylist(), strict=True))
    first = names[0]
    other = next(name for name in names if labels[name] != labels[first])
    joined = with_column(run, "sequence", [first if name == other else name for name in names])
    found = compute_metrics(joined)["sequences"]
    assert (found["mixed"], found["sequences"]) == (1, whole["sequences"] - 2)


def test_repeats_vote_each_on_its_own() -> None:
    repeats = [with_sequences(invent(seed=1)), with_sequences(invent(seed=2, split_seed=5))]
    found, alone = score_repeats(repeats)["sequences"], [compute_metrics(run)["sequences"] for run in repeats]
    assert found["sequences"] == alone[0]["sequences"]
    for name, entry in found["measures"].items():
        assert entry["pooled"] == pytest.approx(np.mean([each["measures"][name]["pooled"] for each in alone]))
    assert found["measures"]["accuracy"]["people"]["groups"] == 12


def test_an_interval_of_votes_is_that_of_the_mean_over_repeats() -> None:
    """Repeats that err in different ways: the macro F1 of all their votes is not the mean of their macro F1."""
    repeats = [with_sequences(preferring(invent(seed=number), emotion)) for number, emotion in enumerate(EMOTIONS[:3])]
    found = score_repeats(repeats)["sequences"]["measures"]["macro_f1"]
    assert found["people"]["low"] < found["pooled"] < found["people"]["high"]
    assert found["people"]["groups"] == 12
