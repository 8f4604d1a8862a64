"""Write the statistics of a dataset as one HTML file, which needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fertools.core import files
from fertools.training.reports.html import escape, fact_boxes, folded, render_page, table
from fertools.views import stats_charts
from fertools.views.stats import DatasetStats

_NO_LABEL = "no label"


def write_stats_page(found: DatasetStats, path: Path | str, *, title: str = "Dataset") -> None:
    """Write the statistics as an HTML page.

    Args:
        found: the statistics.
        path: path of the HTML file to write.
        title: heading of the page.

    Raises:
        StorageError: the file cannot be written.
    """
    files.write_text(Path(path), render_stats_page(found, title))


def render_stats_page(found: DatasetStats, title: str, *, stylesheet: str | None = None) -> str:
    """Return the statistics as an HTML page.

    Args:
        found: the statistics.
        title: heading of the page.
        stylesheet: address that serves `fertools.training.reports.html.STYLE`; None puts the style into the page.
    """
    return render_page(title, _body(found, title), stylesheet=stylesheet)


def _body(found: DatasetStats, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    facts = {"faces": found.faces, "people": found.people, "sources": found.sources}
    facts |= {f"{name} faces in all": count for name, count in found.statuses.items()}
    yield fact_boxes((name, f"{count:,}") for name, count in facts.items())
    if found.faces:
        yield from _expressions(found)
        yield from _people(found)
        yield from _quality(found)
        yield from _sources(found)
    else:
        yield "<p>No face meets the conditions.</p>"
    if found.reasons:
        yield "<h2>Rejected faces</h2>"
        yield table(("reason", "faces"), ((name, f"{count:,}") for name, count in found.reasons.items()), numbers=[1])


def _expressions(found: DatasetStats) -> Iterator[str]:
    yield "<h2>Expressions</h2>"
    yield '<div class="charts"><div><h3>Faces by expression</h3>'
    yield stats_charts.bar_chart(
        "Number of faces of each expression", {one.label or _NO_LABEL: one.faces for one in found.labels}
    )
    yield "</div><div><h3>People by expression</h3>"
    yield stats_charts.bar_chart(
        "Number of people with each expression", {one.label or _NO_LABEL: one.subjects for one in found.labels}
    )
    yield "</div>"
    if any(map(any, found.plane)):
        yield "<div><h3>Valence and arousal</h3>" + stats_charts.plane(found.plane)
        yield "<p>The darker a cell, the more faces, on a log scale.</p></div>"
    yield "</div>"
    head = ("expression", "faces", "people", "sources", "valence", "arousal")
    rows = (
        (
            one.label or _NO_LABEL,
            *(f"{count:,}" for count in (one.faces, one.subjects, one.sources)),
            *("-" if mean is None else f"{mean:+.2f}" for mean in (one.valence, one.arousal)),
        )
        for one in found.labels
    )
    yield table(head, rows, numbers=range(1, 6))
    for name, counts in (("Datasets", found.datasets), ("Modalities", found.modalities)):
        if counts:
            yield f"<h3>{name}</h3>"
            yield table(("name", "faces"), ((key, f"{count:,}") for key, count in counts.items()), numbers=[1])


def _people(found: DatasetStats) -> Iterator[str]:
    if not found.persons:
        return
    yield "<h2>People</h2>"
    yield f"<p>The {len(found.persons)} people with most faces, of {found.people:,}.</p>"
    head = ("person", "faces", *(one.label or _NO_LABEL for one in found.labels))
    rows = ((one.subject, *(f"{count:,}" for count in (one.faces, *one.by_label))) for one in found.persons)
    yield from folded("Faces of each person by expression", [table(head, rows, numbers=range(1, len(head)))])


def _quality(found: DatasetStats) -> Iterator[str]:
    yield "<h2>Quality and pose</h2>"
    yield "<p>The dashed line is the median. The first and last bar hold the values beyond.</p>"
    yield '<div class="charts small">'
    for one in found.quality:
        yield f"<div><h3>{escape(one.name)}</h3>{stats_charts.histogram(one.name, one)}</div>"
    yield "</div>"
    head = ("column", "faces", "lowest", "5 %", "median", "95 %", "highest")
    rows = (
        (one.name, f"{one.known:,}", *(f"{value:,.4g}" for value in (one.low, one.p5, one.median, one.p95, one.high)))
        for one in found.quality
    )
    yield table(head, rows, numbers=range(1, 7))


def _sources(found: DatasetStats) -> Iterator[str]:
    yield "<h2>Sources</h2>"
    if found.faces_a_source is not None:
        yield '<div class="charts small"><div><h3>Faces a source</h3>'
        yield stats_charts.histogram("faces a source", found.faces_a_source) + "</div></div>"
    drawn = [one for one in found.largest_sources if one.timeline]
    if drawn:
        yield "<h3>Faces over time</h3>"
        yield '<div class="charts">'
        for one in drawn:
            yield f"<div><p>{escape(one.path)}, {one.faces:,} faces in {one.duration_s:.1f} s</p>"
            yield stats_charts.timeline(f"Faces over time in {one.path}", one.timeline) + "</div>"
        yield "</div>"
    rows = (
        (one.path, f"{one.faces:,}", "-" if one.duration_s is None else f"{one.duration_s:.1f}")
        for one in found.largest_sources
    )
    listed = f"The {len(found.largest_sources)} sources with most faces, of {found.sources:,}"
    yield from folded(listed, [table(("source", "faces", "seconds"), rows, numbers=[1, 2])])
