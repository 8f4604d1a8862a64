"""The page about compared runs: what it shows, warns of, and leaves out."""

from __future__ import annotations

from typing import Any

from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.reports.comparison_report import describe_left_out, render_comparison, side_by_side_tables
from tests.training.guesses import invent

FIRST, LONG = "classifier/first", "svm/" + "x" * 80


def invented_comparison(*, folds: int = 4, more: int = 5) -> dict[str, Any]:
    """Return the figures of a comparison with a warning of each kind, and runs of long names."""
    names = [FIRST, LONG, *(f"svm/{number}" for number in range(more))]
    runs = {name: invent(seed=seed, folds=folds, va=True) for seed, name in enumerate(names)}
    return {
        "test_set": "visible faces of <wild>",
        "faces": 168,
        "people": 12,
        "drawn": 10,
        "classes": list(runs[FIRST].classes),
        "left_out": {FIRST: 0, LONG: 1200},
        "other_classes": {FIRST: ["contempt"]},
        "unrecorded": [LONG],
        "runs": {name: compute_metrics(run) for name, run in runs.items()},
        "comparisons": compare_all(runs, [(FIRST, LONG, ())]),
        "leaks": {FIRST: [f"{FIRST} has learned from 1 person of the 12 in the test set (p01)"]},
    }


def test_the_page_says_what_was_compared_and_what_to_doubt() -> None:
    page = render_comparison(invented_comparison())
    for words in (
        "7 runs on one test set",
        "Test set: visible faces of &lt;wild&gt;.",
        "Test people have a part in training.",
        "has learned from 1 person of the 12",
        f"Nothing is recorded of the people that {LONG} learned from",
        "10 of these faces are drawn and do not exist.",
        f"Left out, as not all runs have them: faces: 1,200 of {LONG}. classes: contempt of {FIRST}.",
        "The dashed line is chance",
        "Shown are the first 5 of 7 runs.",
        "Mean over folds",
        "p over folds, UAR",
        "corrected resampled t test over folds",
        f"<summary>{LONG} in full</summary>",
        "This protocol is not free of leaks",
    ):
        assert words in page


def test_with_one_fold_there_is_no_test_over_folds_and_without_doubts_no_warning() -> None:
    figures = invented_comparison(folds=1, more=0) | {"leaks": {}, "unrecorded": [], "drawn": 0}
    page = render_comparison(figures)
    for words in ("test over folds", "have a part in training", "Nothing is recorded", "do not exist", "free of leaks"):
        assert words not in page
    differences = side_by_side_tables(figures)[-1]
    assert differences.head == ("difference", "accuracy", "balanced accuracy (UAR)", "macro F1", "McNemar p")
    assert len(differences.rows) == 1


def test_chance_is_drawn_only_if_it_is_the_same_for_all() -> None:
    figures = invented_comparison(more=0)
    figures["runs"][LONG]["classification"]["baselines"]["prior"]["accuracy"]["pooled"] = 0.9
    assert "dashed line is chance: a class" not in render_comparison(figures)


def test_recall_of_each_class_stands_beside_that_of_the_others() -> None:
    figures = invented_comparison(more=0)
    table = next(entry for entry in side_by_side_tables(figures) if entry.title.startswith("Recall"))
    assert table.head == ("", FIRST, LONG)
    first = figures["runs"][FIRST]["classification"]["per_class"][0]
    assert table.rows[0][0] == f"anger ({first['faces']})"
    assert table.rows[0][1].startswith(f"{first['recall']:.3f} [")
    assert describe_left_out(figures | {"left_out": {}, "other_classes": {}}) == ""
