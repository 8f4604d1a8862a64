"""What is said beside a table of intervals."""

from __future__ import annotations

from typing import Any

import pytest

from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.prediction_metrics import score
from fertools.training.reports.result_tables import comparison_sheets, people_note, result_sheets
from tests.training.guesses import invent


@pytest.mark.parametrize(
    ("subjects", "words"),
    [
        (4, "With fewer than 5 people there is no interval."),
        (12, "In brackets: 95 % interval over people; of fewer than 20 it is itself uncertain."),
        (24, "In brackets: 95 % interval over people."),
    ],
)
def test_a_table_says_how_far_its_intervals_can_be_trusted(subjects: int, words: str) -> None:
    runs = {name: invent(subjects=subjects, seed=seed, va=True) for seed, name in enumerate("ab")}
    scores: dict[str, Any] = {name: score(run) for name, run in runs.items()}
    sheets = [*result_sheets(scores), *comparison_sheets(compare_all(runs))]
    pooled = [sheet for sheet in sheets if "± half" not in sheet.title]
    assert len(pooled) == 4
    assert all(words in sheet.note for sheet in pooled)
    assert any("[" in cell for sheet in pooled for row in sheet.rows for cell in row) == (subjects >= 5)


def test_the_smallest_number_of_people_counts() -> None:
    ends = {"low": 0.1, "high": 0.2}
    assert "fewer than 20" in people_note([{"a": ends | {"groups": 40}}], {"b": {"c": ends | {"groups": 19}}})
    assert "uncertain" not in people_note({"a": ends | {"groups": 20}, "b": "groups", "c": 1, "d": None})
