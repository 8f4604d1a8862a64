"""What is said beside a table of intervals."""

from __future__ import annotations

from typing import Any

import pytest

from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.reports.result_tables import comparison_tables, interval_note, metric_tables
from tests.training.guesses import invent


@pytest.mark.parametrize(
    ("subjects", "words"),
    [
        (4, "With fewer than 5 people there is no interval."),
        (12, "In brackets: 95 % interval over people; with fewer than 20 people it is uncertain."),
        (24, "In brackets: 95 % interval over people."),
    ],
)
def test_a_table_says_how_far_its_intervals_can_be_trusted(subjects: int, words: str) -> None:
    runs = {name: invent(subjects=subjects, seed=seed, va=True) for seed, name in enumerate("ab")}
    scores: dict[str, Any] = {name: compute_metrics(run) for name, run in runs.items()}
    tables = [*metric_tables(scores), *comparison_tables(compare_all(runs))]
    pooled = [result_table for result_table in tables if "± half" not in result_table.title]
    assert len(pooled) == 4
    assert all(words in result_table.note for result_table in pooled)
    assert any("[" in cell for result_table in pooled for row in result_table.rows for cell in row) == (subjects >= 5)


def test_the_smallest_number_of_people_counts() -> None:
    ends = {"low": 0.1, "high": 0.2}
    assert "fewer than 20" in interval_note([{"a": ends | {"groups": 40}}], {"b": {"c": ends | {"groups": 19}}})
    assert "uncertain" not in interval_note({"a": ends | {"groups": 20}, "b": "groups", "c": 1, "d": None})
