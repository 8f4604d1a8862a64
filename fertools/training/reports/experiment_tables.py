"""Tables of an experiment: the paper's numbers beside ours, all methods side by side, and tests between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fertools.training.evaluation.prediction_metrics import METRICS
from fertools.training.reports.result_tables import (
    MISSING,
    comparison_tables,
    metric_tables,
    number,
    repeat_tables,
    with_half_width,
)
from fertools.training.reports.table_formatting import ResultTable
from fertools.training.reports.translator_comparison import generator_tables, translator_comparison_tables


def experiment_tables(evaluation: Mapping[str, Any]) -> list[ResultTable]:
    """Return the tables of an experiment: the paper's numbers beside ours come first.

    Args:
        evaluation: the content of the experiment's `evaluation.json`.
    """
    tables = [
        *_beside_the_paper(evaluation),
        *metric_tables(evaluation["runs"]),
        *repeat_tables(evaluation["runs"]),
        *_generated_faces(evaluation["translations"]),
        *generator_tables(evaluation["generators"]),
        *comparison_tables(evaluation["comparisons"]),
        *_validation(evaluation["steps"]),
    ]
    if not (why := evaluation["protocol"]["leaky"]):
        return tables
    return [
        replace(
            result,
            title=f"LEAKY PROTOCOL: {result.title}",
            note=f"Test faces have a part in training: {why} {result.note}".strip(),
        )
        for result in tables
    ]


def _generated_faces(translations: Mapping[str, Any]) -> Iterable[ResultTable]:
    for title, entry in translations.items():
        for result in translator_comparison_tables(entry["side_by_side"]):
            yield replace(result, title=f"{title}: generated faces by run")


def _validation(steps: Iterable[Mapping[str, Any]]) -> Iterable[ResultTable]:
    """Yield the metrics by which checkpoints were selected, of all steps that have validation people."""
    found = [(step["title"], step["validation"]) for step in steps if step["validation"]]
    rows = tuple(
        (
            title,
            entry["metric"],
            f"{len(values := entry['values'])}",
            number(sum(values) / len(values)),
            number(min(values)),
            number(max(values)),
        )
        for title, entry in found
    )
    if rows:
        note = (
            "The metric of the selected checkpoint on validation people, who are not held out. Choose values of keys "
            "by this table, never by results on test people."
        )
        head = ("", "metric", "runs", "mean", "smallest", "largest")
        yield ResultTable("Validation metric, by step", head, rows, note)


def _beside_the_paper(evaluation: Mapping[str, Any]) -> Iterable[ResultTable]:
    reported = evaluation["reported"]
    named = [name for name in METRICS if any(name in row["values"] for row in reported)]
    if not named:
        return
    rows = []
    for row in reported:
        ours = evaluation["runs"].get(row["ours"], {}).get("classification", {}).get("measures", {})
        cells = []
        for name in named:
            mean, half = row["values"].get(name, (None, None))
            cells.append(number(mean) + (f" ± {half:.3f}" if half is not None else ""))
            cells.append(with_half_width(ours[name]["folds"]) if name in ours else MISSING)
        rows.append((row["method"], *cells))
    head = ("", *(f"{METRICS[name]}, {whose}" for name in named for whose in ("paper", "ours")))
    paper = f"Paper: {evaluation['source']}. " if evaluation["source"] else ""
    note = (
        f"{paper}Ours: mean over folds (of several seeds, the mean of each fold) ± half of the 95 % interval of "
        "Student's t, on the faces of this workspace, which may be others than the paper's."
    )
    yield ResultTable("The paper's numbers beside ours", head, tuple(rows), note)
