"""The sections of a report about predictions: of one run, and of several side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fertools.training.evaluation.prediction_metrics import METRICS, Metrics
from fertools.training.reports.figures import (
    confusion_table,
    interval_chart,
    reliability_chart,
    roc_panels,
    valence_arousal_plot,
)
from fertools.training.reports.html import escape, render_result_table
from fertools.training.reports.result_tables import detail_tables, metric_tables, number, with_interval

_WORST = 10
"""People with the lowest accuracy who are listed by name."""


def prediction_sections(name: str, scores: Metrics) -> Iterator[str]:
    """Yield all sections about the predictions of one run, as HTML.

    Args:
        name: the run's name in tables.
        scores: what `fertools.training.evaluation.prediction_metrics.compute_metrics` gives.
    """
    yield "<h2>Results on held-out people</h2>"
    yield from _nameless(scores)
    yield from (render_result_table(result_table) for result_table in metric_tables({name: scores}))
    if found := scores.get("classification"):
        yield from _classification(found, scores)
    if valence_arousal := scores.get("valence_arousal"):
        yield from _valence_arousal(valence_arousal)


def _nameless(scores: Metrics) -> Iterable[str]:
    if scores["nameless"]:
        yield (
            f'<p class="warn">{scores["nameless"]:,} of {scores["faces"]:,} faces have no subject. Each counts as a '
            "person by itself. Intervals over people are too narrow if some faces show the same person.</p>"
        )


def _classification(found: Metrics, scores: Metrics) -> Iterator[str]:
    if left_out := found["left_out"]:
        yield f"<p>{left_out:,} further faces are left out: they have no label that this model knows.</p>"
    tables = {result_table.title: result_table for result_table in detail_tables(scores)}
    yield "<h2>Classes</h2>"
    yield confusion_table(scores["classes"], found["confusion"]["counts"], found["confusion"]["shares"])
    yield render_result_table(tables.pop("By class"))
    tables.pop("Confusion matrix: rows are true classes, columns predictions")
    yield "<h2>ROC curves</h2>"
    yield (
        "<p>Each class against all others, over all test faces. The pale curves are the other classes, and the dashed "
        "line is chance. <i>micro</i> pools all pairs of a face and a class.</p>"
    )
    yield roc_panels(found["roc"])
    yield "<h2>Calibration</h2>"
    pooled = found["measures"]["ece"]["pooled"]
    yield (
        f'<div class="charts"><div>{reliability_chart(found["reliability"])}</div><div><p>Points: the accuracy of '
        "predictions with a given confidence. On the dashed line the two are equal. Bars: the share of all faces. "
        f"Expected calibration error: {number(pooled)}.</p></div></div>"
    )
    if fold_table := tables.pop("By fold", None):
        yield "<h2>Folds</h2>"
        values = [part["measures"]["balanced_accuracy"] for part in found["by_fold"]]
        entry = found["measures"]["balanced_accuracy"]["folds"]
        row = {"name": "this run", "values": values, "paper": False, **entry}
        yield interval_chart([row], METRICS["balanced_accuracy"], chance=_majority_accuracy(found))
        yield "<p>Large dot and line: mean and 95 % interval. Small dots: folds. Dashed line: always the majority.</p>"
        yield render_result_table(fold_table)
    yield "<h2>By person, dataset and image quality</h2>"
    yield from _people(found)
    # The paragraph above has these numbers.
    tables.pop("Accuracy by person")
    parts = "".join(f"<div>{render_result_table(result_table)}</div>" for result_table in tables.values())
    yield f'<div class="charts tables">{parts}</div>'


def _people(found: Metrics) -> Iterator[str]:
    entry = found["by_subject"]
    if entry["subjects"] < 2:
        return
    yield (
        f"<p>Accuracy by person, over {entry['subjects']:,} people: mean {number(entry['mean'])}, lower quartile "
        f"{number(entry['quarter'])}, median {number(entry['median'])}, range {number(entry['worst'])} to "
        f"{number(entry['best'])}.</p>"
    )
    several = [person for person in entry["each"] if person["faces"] > 1][:_WORST]
    if several:
        listed = "; ".join(
            f"{escape(person['subject'])} {person['accuracy']:.2f} ({person['faces']})" for person in several
        )
        yield f"<p class='note quiet'>Lowest accuracy among people with several faces (accuracy, faces): {listed}.</p>"


def _majority_accuracy(found: Metrics) -> float:
    pooled: float = found["baselines"]["majority"]["balanced_accuracy"]["folds"]["mean"]
    return pooled


def _valence_arousal(valence_arousal: Mapping[str, Metrics]) -> Iterator[str]:
    yield "<h2>Valence and arousal</h2>"
    if len(valence_arousal) == 2 and valence_arousal["valence"]["faces"] == valence_arousal["arousal"]["faces"]:
        truths, estimates = (
            list(zip(valence_arousal["valence"][key], valence_arousal["arousal"][key], strict=True))
            for key in ("truths", "estimates")
        )
        yield (
            f'<div class="charts"><div>{valence_arousal_plot(truths, estimates)}</div><div><p>'
            "Rings: the rating of a face. Dots: the prediction. A line connects the two.</p></div></div>"
        )
    for name, entry in valence_arousal.items():
        ccc = entry["measures"]["ccc"]
        yield f"<p>CCC of {escape(name)}: {with_interval(ccc['pooled'], ccc['people'])}.</p>"


def method_rows(evaluation: Mapping[str, Any], measure: str) -> list[dict[str, Any]]:
    """Return the rows of `interval_chart` for an experiment: ours, and the paper's numbers."""
    rows = []
    for title, scores in evaluation["runs"].items():
        found = scores.get("classification")
        if found and (entry := found["measures"][measure]["folds"]):
            values = [part["measures"][measure] for part in found["by_fold"]]
            known = [value for value in values if value is not None] if len(values) > 1 else []
            rows.append({"name": title, "values": known, "paper": False, **entry})
    for row in evaluation["reported"]:
        if measure in row["values"]:
            mean, half = row["values"][measure]
            low, high = (None, None) if half is None else (mean - half, mean + half)
            rows.append(
                {
                    "name": f"{row['method']} (paper{', ' * bool(row['table'])}{row['table']})",
                    "values": [],
                    "paper": True,
                    "mean": mean,
                    "low": low,
                    "high": high,
                }
            )
    return rows
