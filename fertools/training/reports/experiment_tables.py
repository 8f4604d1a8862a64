"""Tables of an experiment: the paper's numbers beside ours, all methods side by side, and tests between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    for table in dict.fromkeys(row["table"] for row in evaluation["reported"]):
        rows = [row for row in evaluation["reported"] if row["table"] == table]
        named = [name for name in METRICS if any(name in row["values"] for row in rows)]
        if named:
            yield _one_paper_table(evaluation, table, rows, named)


def _one_paper_table(
    evaluation: Mapping[str, Any], table: str, reported: Sequence[Mapping[str, Any]], named: Sequence[str]
) -> ResultTable:
    """Return one table of the paper beside ours; ours has votes over sequences if the faces are frames of sequences."""
    ours = {row["ours"]: evaluation["runs"].get(row["ours"], {}) for row in reported}
    votes = any("sequences" in scores for scores in ours.values())
    counts = sorted({row["classes"] for row in reported if row["classes"] is not None})
    rows = []
    for row in reported:
        scores = ours[row["ours"]]
        measures = scores.get("classification", {}).get("measures", {})
        cells = [MISSING if row["classes"] is None else f"{row['classes']}"] if counts else []
        for name in named:
            mean, half = row["values"].get(name, (None, None))
            cells.append(number(mean) + (f" ± {half:.3f}" if half is not None else ""))
            cells.append(with_half_width(measures[name]["folds"]) if name in measures else MISSING)
        if votes:
            voted = scores.get("sequences", {}).get("measures", {}).get("accuracy", {}).get("folds")
            cells.append(with_half_width(voted))
        rows.append((row["method"], *cells))
    head = ["", *(["classes"] if counts else [])]
    head += [f"{METRICS[name]}, {whose}" for name in named for whose in ("paper", "ours")]
    head += ["accuracy over sequences, ours"] if votes else []
    paper = f"Paper: {evaluation['source']}. " if evaluation["source"] else ""
    mixed = ""
    if len(counts) > 1:
        mixed = f" Rows of {' and '.join(map(str, counts))} classes are not comparable."
    note = (
        f"{paper}Ours: mean over folds (of several seeds, the mean of each fold) ± half of the 95 % interval of "
        f"Student's t, on the faces of this workspace, which may be others than the paper's.{mixed}"
    )
    title = "The paper's numbers beside ours" + (f": {table}" if table else "")
    return ResultTable(title, tuple(head), tuple(rows), note)
