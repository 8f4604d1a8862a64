"""The page and the tables about runs that are compared on one test set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.training.evaluation.prediction_metrics import METRICS
from fertools.training.reports.figures import MOST_CURVES, interval_chart, roc_comparison
from fertools.training.reports.html import escape, fact_boxes, folded, render_page, render_result_table
from fertools.training.reports.prediction_sections import prediction_sections
from fertools.training.reports.report import methods_section
from fertools.training.reports.result_tables import (
    comparison_tables,
    interval_note,
    metric_tables,
    repeat_tables,
    with_interval,
)
from fertools.training.reports.table_formatting import ResultTable

_CHARTED = ("balanced_accuracy", "accuracy", "macro_f1")


def write_comparison_report(folder: Path, figures: Mapping[str, Any]) -> Path:
    """Write the page about a comparison into its folder, and return its path.

    Args:
        folder: folder of the comparison.
        figures: the content of `comparison.json`.
    """
    path = folder / "report.html"
    files.write_text(path, render_comparison(figures))
    return path


def render_comparison(figures: Mapping[str, Any]) -> str:
    """Return the page about a comparison as HTML.

    Args:
        figures: the content of `comparison.json`.
    """
    title = f"{len(figures['runs'])} runs on one test set"
    sections = (
        [f"<h1>{escape(title)}</h1>"],
        _test_set(figures),
        _charts(figures),
        ["<h2>Tables</h2>"],
        map(render_result_table, side_by_side_tables(figures)),
        _curves(figures),
        ["<h2>Each run in full</h2>"],
        chain.from_iterable(
            folded(f"{name} in full", prediction_sections(name, scores)) for name, scores in figures["runs"].items()
        ),
        methods_section(figures["runs"], compared=bool(figures["comparisons"]), leaky="; ".join(_doubts(figures))),
    )
    return render_page(title, chain.from_iterable(sections))


def side_by_side_tables(figures: Mapping[str, Any]) -> list[ResultTable]:
    """Return the tables of a comparison: metrics of each run, recall of each class, and the paired tests.

    Args:
        figures: the content of `comparison.json`.
    """
    return [
        *metric_tables(figures["runs"]),
        *_recall_tables(figures),
        *repeat_tables(figures["runs"]),
        *comparison_tables(figures["comparisons"]),
    ]


def describe_left_out(figures: Mapping[str, Any]) -> str:
    """Return in a sentence which faces and classes the comparison leaves out; empty for none.

    Args:
        figures: the content of `comparison.json`.
    """
    faces = [f"{count:,} of {name}" for name, count in figures["left_out"].items() if count]
    classes = [f"{', '.join(names)} of {name}" for name, names in figures["other_classes"].items()]
    parts = ([f"faces: {'; '.join(faces)}"] if faces else []) + ([f"classes: {'; '.join(classes)}"] if classes else [])
    return f"Left out, as not all runs have them: {'. '.join(parts)}." if parts else ""


def _leaks(figures: Mapping[str, Any]) -> list[str]:
    return [sentence for sentences in figures["leaks"].values() for sentence in sentences]


def _doubts(figures: Mapping[str, Any]) -> list[str]:
    """Return why test people may have a part in training."""
    unrecorded = [f"nothing is recorded of the people that {name} learned from" for name in figures["unrecorded"]]
    return _leaks(figures) + unrecorded


def _test_set(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f'<p class="lead">Test set: {escape(figures["test_set"])}.</p>'
    if leaks := _leaks(figures):
        listed = "".join(f"<li>{escape(leak)}</li>" for leak in leaks)
        yield (
            '<div class="warn"><b>Test people have a part in training.</b> The numbers of these runs say nothing about '
            f"people whom a model has never seen.<ul>{listed}</ul></div>"
        )
    if unrecorded := figures["unrecorded"]:
        yield (
            f'<p class="warn">Nothing is recorded of the people that {escape(", ".join(unrecorded))} learned from, so '
            "leaks were not checked there.</p>"
        )
    if drawn := figures["drawn"]:
        whose = "These people are" if drawn == figures["faces"] else f"{drawn:,} of these faces are"
        yield (
            f'<p class="warn"><b>{whose} drawn and do not exist.</b> No number here says anything about real '
            "people.</p>"
        )
    facts = [
        ("faces", f"{figures['faces']:,}"),
        ("people", f"{figures['people']:,}"),
        ("runs", f"{len(figures['runs'])}"),
        ("classes", f"{len(figures['classes'])}"),
    ]
    yield fact_boxes(facts)
    if left_out := describe_left_out(figures):
        yield f"<p>{escape(left_out)}</p>"


def _charts(figures: Mapping[str, Any]) -> Iterator[str]:
    runs = {name: scores["classification"] for name, scores in figures["runs"].items() if "classification" in scores}
    if not runs:
        return
    yield "<h2>Side by side</h2>"
    # Runs that were trained on other faces have other frequencies.
    guesses = [found["baselines"]["prior"] for found in runs.values()]
    same = all(guess == guesses[0] for guess in guesses)
    line = " The dashed line is chance: a class drawn by its frequency in training." if same else ""
    yield f"<p>A dot is the metric over all faces, and a line its 95 % interval over people.{line}</p>"
    for measure in _CHARTED:
        rows = [_chart_row(name, found["measures"][measure]) for name, found in runs.items()]
        chance = guesses[0][measure]["pooled"] if same else None
        yield f"<h3>{escape(METRICS[measure])}</h3>{interval_chart(rows, METRICS[measure], chance=chance)}"


def _chart_row(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    ends = entry["people"] or {"low": None, "high": None}
    return {
        "name": name,
        "values": [],
        "paper": False,
        "mean": entry["pooled"],
        "low": ends["low"],
        "high": ends["high"],
    }


def _curves(figures: Mapping[str, Any]) -> Iterator[str]:
    curves = {
        name: scores["classification"]["roc"] for name, scores in figures["runs"].items() if "classification" in scores
    }
    if curves:
        few = dict(list(curves.items())[:MOST_CURVES])
        left_out = f" Shown are the first {len(few)} of {len(curves)} runs." if len(few) < len(curves) else ""
        yield "<h2>ROC curves</h2>"
        yield f"<p>Each class against all others, over all test faces.{left_out}</p>{roc_comparison(few)}"


def _recall_tables(figures: Mapping[str, Any]) -> list[ResultTable]:
    found = {
        name: scores["classification"]["per_class"]
        for name, scores in figures["runs"].items()
        if "classification" in scores
    }
    if not found:
        return []
    # Classes are rows: there are seven of them, and any number of runs.
    rows = tuple(
        (
            f"{name} ({next(iter(found.values()))[index]['faces']:,})",
            *(with_interval(entries[index]["recall"], entries[index]["recall_people"]) for entries in found.values()),
        )
        for index, name in enumerate(figures["classes"])
    )
    return [ResultTable("Recall by class (faces)", ("", *found), rows, interval_note(found))]
