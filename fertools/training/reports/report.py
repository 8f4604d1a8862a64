"""The report: one self-contained HTML page about a run, an experiment or predictions.

Every page has the same sections in one order: people and protocol, results, training, every value of the recipe, and
the paragraph for the methods section of a paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.engine.journal import Entry, read_journal
from fertools.training.evaluation.prediction_metrics import Metrics, compute_metrics
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.reports.analysis_sections import analysis_section, further_section
from fertools.training.reports.error_sections import error_gallery_section
from fertools.training.reports.experiment_sections import protocol_section, results_section, steps_section
from fertools.training.reports.html import escape, render_page
from fertools.training.reports.methods_text import write_methods
from fertools.training.reports.prediction_sections import prediction_sections
from fertools.training.reports.run_sections import (
    data_section,
    discriminator_head_section,
    environment_section,
    lineage_section,
    losses_section,
    networks_section,
    optimisation_section,
    recipe_section,
    samples_section,
    summary_section,
    validation_section,
)
from fertools.training.reports.translation_sections import translation_section
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.metadata import Record

_OLDER_GRIDS = 4
"""Sample grids shown beside the last one."""


def write_report(folder: RunFolder, record: Record, workspace: Workspace | None = None) -> None:
    """Write the page about a run.

    Args:
        folder: folder of the run, with its journal, sample grids, predictions and translations.
        record: content of `run.json`, with results.
        workspace: workspace with the crops of the error gallery; None for no error gallery.
    """
    page = render_run(
        record,
        read_journal(folder.journal_path),
        _grids(folder),
        generated=translation_section(folder.root),
        scores=_scores(folder),
        speed=read_journal(folder.speed_path),
        errors=error_gallery_section(workspace, folder.predictions_path()) if workspace else (),
        analysis=analysis_section(folder),
    )
    files.write_text(folder.report_path, page)


def write_experiment_report(folder: Path, evaluation: Mapping[str, Any]) -> Path:
    """Write the page about an experiment into its folder and return its path.

    Args:
        folder: folder of the experiment.
        evaluation: content of its `evaluation.json`.
    """
    path = folder / "report.html"
    files.write_text(path, render_experiment(evaluation))
    return path


def write_predictions_report(folder: Path, name: str, scores: Metrics) -> Path:
    """Write the report of predictions without a record of their run, and return its path."""
    path = folder / "report.html"
    files.write_text(path, render_predictions(name, scores))
    return path


def render_run(
    record: Record,
    journal: Sequence[Entry],
    grids: Sequence[tuple[int, bytes]],
    *,
    generated: Iterable[str] = (),
    scores: Metrics | None = None,
    speed: Sequence[Entry] = (),
    errors: Iterable[str] = (),
    analysis: Iterable[str] = (),
) -> str:
    """Return the page about a run as HTML.

    Args:
        record: the content of `run.json`.
        journal: the logged losses.
        grids: iteration and PNG of sample grids, oldest first; the last one is shown large.
        generated: sections of `translation_section`, for a run that generates faces.
        scores: metrics of `fertools.training.evaluation.prediction_metrics.compute_metrics`, for a run that predicts.
        speed: logged throughput and memory.
        errors: sections of `error_gallery_section`, for a run that predicts.
        analysis: sections of `analysis_section`, for a system that shows more.
    """
    runs = {} if scores is None else {"this run": scores}
    return _page(
        f"{record['title']}, run {record['run']}",
        summary_section(record),
        lineage_section(record),
        samples_section(record, grids),
        chain.from_iterable(prediction_sections(name, entry) for name, entry in runs.items()),
        errors,
        further_section(record["results"]),
        analysis,
        generated,
        discriminator_head_section(record["results"]),
        validation_section(record, journal),
        losses_section(record, journal),
        optimisation_section(journal, speed),
        networks_section(record),
        data_section(record),
        ["<h2>Choices not fixed by the paper</h2>"],
        recipe_section(record["recipe"]),
        environment_section(record),
        methods_section(runs, trained={"The model": record}),
    )


def render_experiment(evaluation: Mapping[str, Any]) -> str:
    """Return the page about an experiment as HTML.

    Args:
        evaluation: the content of the experiment's `evaluation.json`.
    """
    protocol = evaluation["protocol"]
    trained = {step["title"]: step["trained"] for step in evaluation["steps"] if step["trained"]}
    return _page(
        f"{'LEAKY PROTOCOL: ' if protocol['leaky'] else ''}{evaluation['title']}",
        protocol_section(evaluation),
        results_section(evaluation),
        steps_section(evaluation),
        methods_section(
            evaluation["runs"],
            protocol=protocol["kind"],
            leaky=protocol["leaky"],
            compared=bool(evaluation["comparisons"]),
            trained=trained,
        ),
    )


def render_predictions(name: str, scores: Metrics) -> str:
    """Return the page about predictions alone as HTML."""
    return _page(name, prediction_sections(name, scores), methods_section({name: scores}))


def methods_section(runs: Mapping[str, Metrics], **known: Any) -> Iterator[str]:
    """Yield the paragraph for the methods section of a paper, with its references; see `write_methods`."""
    text, references = write_methods(runs, **known)
    yield "<h2>Text for the methods section</h2>"
    yield f"<p>{escape(text)}</p>"
    yield "<ul>" + "".join(f"<li class='note'>{escape(reference)}</li>" for reference in references) + "</ul>"


def _page(title: str, *sections: Iterable[str]) -> str:
    return render_page(title, [f"<h1>{escape(title)}</h1>", *chain(*sections)])


def _scores(folder: RunFolder) -> Metrics | None:
    path = folder.predictions_path()
    if not path.is_file():
        return None
    try:
        return compute_metrics(read_predictions(path))
    except InputError:
        # No held-out face has a label, so there is nothing to compare with; the run itself is fine.
        return None


def _grids(folder: RunFolder) -> list[tuple[int, bytes]]:
    paths = sorted(path for path in folder.samples.glob("*.png") if path.stem.isdigit())
    shown = [*_evenly_spaced(paths[:-1], _OLDER_GRIDS), *paths[-1:]]
    return [(int(path.stem), path.read_bytes()) for path in shown]


def _evenly_spaced(items: Sequence[Path], count: int) -> list[Path]:
    """Return at most `count` items at even distances, the first among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]
