"""The sections of an experiment's report: its protocol, its methods side by side, and its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fertools.training.evaluation.prediction_metrics import METRICS
from fertools.training.recipes.values import write_value
from fertools.training.reports.analysis_sections import compared_analyses
from fertools.training.reports.charts import overlaid_chart
from fertools.training.reports.domain_sections import domains_section
from fertools.training.reports.experiment_tables import experiment_tables
from fertools.training.reports.figures import MOST_CURVES, interval_chart, roc_comparison
from fertools.training.reports.html import escape, fact_boxes, folded, render_result_table, table
from fertools.training.reports.prediction_sections import method_rows, prediction_sections
from fertools.training.reports.run_sections import recipe_section
from fertools.training.reports.term_words import describe_terms
from fertools.training.reports.translation_tables import measured_tables

_CHARTED = ("accuracy", "balanced_accuracy", "macro_f1")
_SHOWN_LEAKS = 10


def protocol_section(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the question of an experiment, its people, its protocol and its leaks.

    Args:
        evaluation: content of the experiment's `evaluation.json`.
    """
    protocol, tested = evaluation["protocol"], evaluation["tested"]
    if evaluation["about"]:
        yield f'<p class="lead">{escape(evaluation["about"])}</p>'
    if evaluation["variant"]:
        yield f"<p>Chosen {escape(evaluation['variant'])}.</p>"
    if protocol["leaky"]:
        leaks = "".join(f"<li>{escape(leak)}</li>" for leak in protocol["leaks"][:_SHOWN_LEAKS])
        if (more := len(protocol["leaks"]) - _SHOWN_LEAKS) > 0:
            leaks += f"<li>{more:,} more; <code>evaluation.json</code> lists all.</li>"
        yield (
            f'<div class="warn"><b>Test faces have a part in training: {escape(protocol["leaky"])}</b> These numbers '
            f"say nothing about people whom a model has never seen.<ul>{leaks}</ul></div>"
        )
    if drawn := evaluation["drawn"]:
        whose = "These people are" if drawn == tested else f"{drawn:,} of these {tested:,} faces are"
        yield (
            f'<p class="warn"><b>{whose} drawn and do not exist.</b> They come from the synthetic dataset of fertools. '
            "No number here says anything about people.</p>"
        )
    people = [scores["subjects"] for scores in _all_scores(evaluation)]
    facts = [
        ("protocol", protocol["kind"]),
        ("folds", f"{len(protocol['folds'])}"),
        ("tested faces", f"{tested:,}"),
        ("tested people", f"{max(people, default=0):,}"),
        ("methods", f"{len({*evaluation['runs'], *evaluation['translations']})}"),
    ]
    yield fact_boxes(facts)
    if evaluation["source"]:
        yield f'<p class="quiet">After: {escape(evaluation["source"])}.</p>'


def _all_scores(evaluation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from evaluation["runs"].values()
    for entry in evaluation["translations"].values():
        # Folds have different people.
        yield {"subjects": sum(scores["subjects"] for scores in entry["runs"].values())}


def results_section(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the results: all methods beside the paper's numbers, and each method in full."""
    yield from _side_by_side(evaluation)
    yield from _curves_of_methods(evaluation)
    yield from compared_analyses(evaluation["analyses"])
    yield from domains_section(evaluation["domains"])
    yield from (render_result_table(result) for result in experiment_tables(evaluation))
    for name, scores in evaluation["runs"].items():
        yield from folded(f"{name} in full", prediction_sections(name, scores))
    for title, entry in evaluation["translations"].items():
        for words, scores in entry["runs"].items():
            tables = (render_result_table(result) for result in measured_tables(scores))
            yield from folded(f"{title}: the generated faces of {words} in full", tables)


def _side_by_side(evaluation: Mapping[str, Any]) -> Iterator[str]:
    charts = [(measure, method_rows(evaluation, measure)) for measure in _CHARTED]
    if not any(rows for _, rows in charts):
        return
    yield "<h2>Methods side by side</h2>"
    papers = (
        " Diamonds are the paper's numbers, with its interval where it gives one." if evaluation["reported"] else ""
    )
    yield (
        "<p>A large dot with its line is the mean over folds with its 95 % interval. Small dots are folds. The dashed "
        f"line is always predicting the most frequent class.{papers}</p>"
    )
    guess = next(
        (
            scores["classification"]["baselines"]["majority"]
            for scores in evaluation["runs"].values()
            if "classification" in scores
        ),
        None,
    )
    for measure, rows in charts:
        if rows:
            chance = guess[measure]["folds"]["mean"] if guess else None
            yield f"<h3>{escape(METRICS[measure])}</h3>{interval_chart(rows, METRICS[measure], chance=chance)}"


def _curves_of_methods(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ROC curves of the compared methods together; of all methods where no comparison is declared."""
    curves = {
        name: scores["classification"]["roc"]
        for name, scores in evaluation["runs"].items()
        if "classification" in scores
    }
    compared = Counter(entry[side] for entry in evaluation["comparisons"] for side in ("first", "second"))
    shown = {name: entry for name, entry in curves.items() if not compared or name in compared}
    if len(shown) < 2:
        return
    yield "<h2>ROC curves of the methods</h2>"
    chosen = sorted(shown, key=lambda name: -compared[name])[:MOST_CURVES]
    few = {name: entry for name, entry in shown.items() if name in chosen}
    left_out = (
        f" Shown are {len(few)} of {len(shown)} methods, those with the most comparisons."
        if len(few) < len(shown)
        else ""
    )
    yield f"<p>Each class against all others, over all test faces.{left_out}</p>{roc_comparison(few)}"


def steps_section(evaluation: Mapping[str, Any]) -> Iterable[str]:
    """Yield the steps with their runs, curves and recipes."""
    yield "<h2>What was run</h2>"
    rows = [
        (
            step["title"] if step["title"] == step["name"] else f"{step['title']} ({step['name']})",
            step["kind"],
            step["system"] or "",
            (step["preset"] or "suits the device") if step["system"] else "",
            ", ".join(f"{key}={write_value(value)}" for key, value in step["settings"].items()),
            ", ".join(step["needs"]),
            " and ".join(step["over"]) or "once",
            f"{len(step['runs'])}",
            "yes" if step["tested"] else "no",
        )
        for step in evaluation["steps"]
    ]
    head = ("step", "kind", "system", "preset", "changed keys", "builds upon", "over", "runs", "tested")
    yield table(head, rows, numbers=(7,))
    yield (
        "<p class='quiet'>Each run has a folder below <code>training/</code> with its recipe, where every value comes "
        "from, its losses and its own report.</p>"
    )
    for step in evaluation["steps"]:
        yield from _curves(step)
    for step in evaluation["steps"]:
        if trained := step["trained"]:
            yield from folded(f"{step['title']}: choices not fixed by the paper", recipe_section(trained["recipe"]))


def _curves(step: Mapping[str, Any]) -> Iterator[str]:
    """Yield the curves of a step's runs in one chart: the loss, and the metric that selects the checkpoint."""
    terms = describe_terms(step["system"]) if step["system"] else {}
    charts = [
        f"<div><h3><code>{escape(name)}</code></h3>{overlaid_chart(name, 'iteration', runs)}"
        f"<p>{escape(terms.get(name, ''))}</p></div>"
        for name, runs in step["curves"].items()
    ]
    if charts:
        yield f"<h3>{escape(step['title'])}: curves of its runs</h3>"
        if max(len(runs) for runs in step["curves"].values()) > 1:
            yield (
                "<p class='quiet'>A thin line is one run. A thick line is their mean, where all have the same "
                "iterations.</p>"
            )
        yield f'<div class="charts">{"".join(charts)}</div>'
