"""The parts of an experiment's report: its protocol, its methods side by side, and what was run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fertools.training.evaluation.prediction_metrics import MEASURES
from fertools.training.recipes.recipe import write_value
from fertools.training.reports.charts import overlaid_chart
from fertools.training.reports.figures import interval_chart
from fertools.training.reports.html import escape, fact_boxes, folded, render_result_table, table
from fertools.training.reports.prediction_sections import method_rows, prediction_sections
from fertools.training.reports.result_tables import experiment_tables
from fertools.training.reports.run_sections import recipe_section
from fertools.training.reports.term_words import describe_terms

_CHARTED = ("accuracy", "balanced_accuracy", "macro_f1")


def protocol_section(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an experiment asks, on whom and by which protocol, and whether that leaks.

    Args:
        figures: what `evaluation.json` of an experiment holds.
    """
    protocol, scores = figures["protocol"], next(iter(figures["runs"].values()))
    if figures["about"]:
        yield f'<p class="lead">{escape(figures["about"])}</p>'
    if protocol["leaky"]:
        leaks = "".join(f"<li>{escape(leak)}</li>" for leak in protocol["leaks"][:10])
        yield (
            f'<div class="warn"><b>Test faces have a part in training: {escape(protocol["leaky"])}</b> These numbers '
            f"say nothing about people whom a model has never seen.<ul>{leaks}</ul></div>"
        )
    if drawn := figures.get("drawn"):
        whose = "These people are" if drawn == scores["faces"] else f"{drawn:,} of these {scores['faces']:,} faces are"
        yield (
            f'<p class="warn"><b>{whose} drawn and do not exist.</b> They are of the dataset that fertools draws. '
            "No number here says anything about people.</p>"
        )
    facts = [
        ("protocol", protocol["kind"]),
        ("folds", f"{len(protocol['folds'])}"),
        ("faces", f"{scores['faces']:,}"),
        ("people", f"{scores['subjects']:,}"),
        ("methods", f"{len(figures['runs'])}"),
    ]
    yield fact_boxes(facts)
    if figures["source"]:
        yield f'<p class="quiet">After: {escape(figures["source"])}.</p>'


def results_section(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield every method beside the others and the paper's numbers: charts, tables, tests, and each in full."""
    yield from _side_by_side(figures)
    yield from (render_result_table(result_table) for result_table in experiment_tables(figures))
    for name, scores in figures["runs"].items():
        yield from folded(f"{name} in full", prediction_sections(name, scores))


def _side_by_side(figures: Mapping[str, Any]) -> Iterator[str]:
    charts = [(measure, method_rows(figures, measure)) for measure in _CHARTED]
    if not any(rows for _, rows in charts):
        return
    yield "<h2>Methods side by side</h2>"
    papers = " Diamonds are the paper's numbers, with its interval where it gives one." if figures["reported"] else ""
    yield (
        "<p>Large dots and lines are means over folds with their 95 % intervals, small dots the folds. The dashed line "
        f"is always deciding for the majority.{papers}</p>"
    )
    guess = next(
        (
            scores["classification"]["baselines"]["majority"]
            for scores in figures["runs"].values()
            if "classification" in scores
        ),
        None,
    )
    for measure, rows in charts:
        if rows:
            chance = guess[measure]["folds"]["mean"] if guess else None
            yield f"<h3>{escape(MEASURES[measure])}</h3>{interval_chart(rows, MEASURES[measure], chance=chance)}"


def steps_section(figures: Mapping[str, Any]) -> Iterable[str]:
    """Yield which runs there were, and every choice in their recipes."""
    yield "<h2>What was run</h2>"
    rows = [
        (
            step["title"],
            step["system"],
            step["preset"] or "suits the device",
            ", ".join(f"{key}={write_value(value)}" for key, value in step["settings"].items()) or "as the preset",
            f"{len(step['runs'])}",
            "yes" if step["tested"] else "no",
        )
        for step in figures["steps"]
    ]
    yield table(("step", "system", "preset", "changed keys", "runs", "a result"), rows, numbers=(4,))
    yield (
        "<p class='quiet'>Each run has a folder below <code>training/</code> with its recipe, where every value comes "
        "from, its losses and its own report.</p>"
    )
    for step in figures["steps"]:
        yield from _curves(step)
    for step in figures["steps"]:
        if trained := step["trained"]:
            yield from folded(f"{step['title']}: choices not fixed by the paper", recipe_section(trained["recipe"]))


def _curves(step: Mapping[str, Any]) -> Iterator[str]:
    """Yield the runs of a step over one another: the loss, and what chose the best state."""
    terms = describe_terms(step["system"])
    charts = [
        f"<div><h3><code>{escape(name)}</code></h3>{overlaid_chart(name, 'iteration', runs)}"
        f"<p>{escape(terms.get(name, ''))} A thin line is one of {len(runs)} runs, a thick one their mean.</p></div>"
        for name, runs in step.get("curves", {}).items()
    ]
    if charts:
        yield f"<h3>{escape(step['title'])}: its runs over one another</h3>"
        yield f'<div class="charts">{"".join(charts)}</div>'
