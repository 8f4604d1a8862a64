"""The report of an experiment: its protocol, the paper's numbers beside ours, and each method in full."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.training.chapters import method_rows, run_chapters
from fertools.training.figures import interval_chart
from fertools.training.methods import write_methods
from fertools.training.page import escape, render_page, sheet_table, table
from fertools.training.recipe import write_value
from fertools.training.scoring import MEASURES, Scores
from fertools.training.sheets import experiment_sheets

_CHARTED = ("accuracy", "balanced_accuracy", "macro_f1")


def write_experiment_report(folder: Path, figures: Mapping[str, Any]) -> Path:
    """Write the page about an experiment beside its figures and return its path.

    Args:
        folder: of the experiment.
        figures: the content of its `evaluation.json`.
    """
    path = folder / "report.html"
    files.write_text(path, render_experiment(figures))
    return path


def read_figures(folder: Path) -> dict[str, Any]:
    """Return the content of an experiment's `evaluation.json`."""
    found: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return found


def render_experiment(figures: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Args:
        figures: what `evaluation.json` of an experiment holds.
    """
    leaky = figures["protocol"]["leaky"]
    title = f"{'LEAKY PROTOCOL: ' if leaky else ''}{figures['title']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        *_summary(figures),
        *_methods_side_by_side(figures),
        *(sheet_table(sheet) for sheet in experiment_sheets(figures)),
        *_steps(figures),
        *methods_chapter(
            figures["runs"],
            protocol=figures["protocol"]["kind"],
            leaky=leaky,
            compared=bool(figures["comparisons"]),
        ),
    ]
    for name, scores in figures["runs"].items():
        body += [
            f"<details><summary><b>{escape(name)} in full</b></summary>",
            *run_chapters(name, scores),
            "</details>",
        ]
    return render_page(title, body)


def render_run(name: str, scores: Scores) -> str:
    """Return a page about predictions of which nothing but themselves is known."""
    body = [f"<h1>{escape(name)}</h1>", *run_chapters(name, scores), *methods_chapter({name: scores})]
    return render_page(name, body)


def methods_chapter(
    runs: Mapping[str, Scores], *, protocol: str | None = None, leaky: str = "", compared: bool = False
) -> Iterator[str]:
    """Yield the paragraph for a paper's section on methods, with references; see `write_methods`."""
    text, references = write_methods(runs, protocol=protocol, leaky=leaky, compared=compared)
    yield "<h2>For the section on methods</h2>"
    yield f"<p>{escape(text)}</p>"
    yield "<ul>" + "".join(f"<li class='note'>{escape(reference)}</li>" for reference in references) + "</ul>"


def _summary(figures: Mapping[str, Any]) -> Iterator[str]:
    protocol, scores = figures["protocol"], next(iter(figures["runs"].values()))
    if figures["about"]:
        yield f'<p class="lead">{escape(figures["about"])}</p>'
    if protocol["leaky"]:
        leaks = "".join(f"<li>{escape(leak)}</li>" for leak in protocol["leaks"][:10])
        yield (
            f'<div class="warn"><b>Test faces have a part in training: {escape(protocol["leaky"])}</b> These numbers '
            f"say nothing about people whom a model has never seen.<ul>{leaks}</ul></div>"
        )
    facts = [
        ("protocol", protocol["kind"]),
        ("folds", f"{len(protocol['folds'])}"),
        ("faces", f"{scores['faces']:,}"),
        ("people", f"{scores['subjects']:,}"),
        ("methods", f"{len(figures['runs'])}"),
    ]
    yield '<div class="facts">' + "".join(f"<div><b>{escape(b)}</b>{escape(a)}</div>" for a, b in facts) + "</div>"
    if figures["source"]:
        yield f'<p class="quiet">After: {escape(figures["source"])}.</p>'


def _methods_side_by_side(figures: Mapping[str, Any]) -> Iterator[str]:
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


def _steps(figures: Mapping[str, Any]) -> Iterable[str]:
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
