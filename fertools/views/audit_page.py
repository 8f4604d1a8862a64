"""Write what an audit found as one HTML file with the pictures of each case side by side; it needs no network."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from fertools.core import files
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.picture_hash import read_picture
from fertools.splits.audit.run_audit import AuditReport
from fertools.training.reports.html import escape, fact_boxes, folded, render_page, table

MOST_CASES, MOST_PICTURES = 24, 12
"""Largest number of cases of a finding, and of pictures of a case, that the page shows."""
_SIDE_PX = 128


def write_audit_page(report: AuditReport, path: Path | str, *, title: str = "Audit") -> None:
    """Write an audit as an HTML page.

    Args:
        report: the audit.
        path: path of the HTML file to write.
        title: heading of the page.

    Raises:
        StorageError: the file cannot be written.
    """
    files.write_text(Path(path), render_page(title, _body(report, title)))


def _body(report: AuditReport, title: str) -> Iterator[str]:
    yield f"<main><h1>{escape(title)}</h1>"
    facts = {"rows": f"{len(report.rows):,}", "kinds of leaks": f"{len(report.leaks):,}"}
    if report.leakage is not None:
        facts["similarity across parts"] = f"{report.leakage.split:.3f}"
        facts["in a random split"] = f"{report.leakage.random:.3f}"
    yield fact_boxes(facts.items())
    yield table(("part", "rows"), ((part, f"{count:,}") for part, count in report.parts.items()), numbers=[1])
    if not report.findings:
        yield "<p>The audit found nothing.</p>"
    for finding in report.findings:
        yield f"<h2>{escape(finding.severity)}: {escape(finding.message)}</h2>"
        yield from _cases(report, finding)
    if report.fix is not None:
        yield from _fix(report)
    yield "</main>"


def _cases(report: AuditReport, finding: Finding) -> Iterator[str]:
    for group in finding.groups[:MOST_CASES]:
        yield f'<div class="gallery">{"".join(_picture(report, row) for row in group[:MOST_PICTURES])}</div>'
        if len(group) > MOST_PICTURES:
            yield f'<p class="note quiet">The first {MOST_PICTURES} of {len(group):,} rows.</p>'
    if len(finding.groups) > MOST_CASES:
        yield f"<p>The first {MOST_CASES} of {len(finding.groups):,} cases.</p>"


def _picture(report: AuditReport, row: int) -> str:
    rows = report.rows
    facts = [rows.parts[row], rows.column("emotion")[row], rows.column("subject")[row]]
    words = " &middot; ".join(escape(fact) for fact in facts if fact is not None)
    name = escape(rows.names[row]).replace('"', "&quot;")
    caption = f'<figcaption style="overflow-wrap: anywhere"><b>{words}</b><br>{name}</figcaption>'
    picture = read_picture(rows.paths[row])
    if picture is None:
        return f"<figure>{caption}</figure>"
    scale = _SIDE_PX / max(picture.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
    coded = base64.b64encode(cv2.imencode(".png", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))[1].tobytes())
    return f'<figure><img alt="{name}" src="data:image/png;base64,{coded.decode()}">{caption}</figure>'


def _fix(report: AuditReport) -> Iterator[str]:
    if report.fix is None:
        return
    yield f"<h2>Proposed moves: {len(report.fix.moves):,}</h2>"
    if report.fix.moves:
        after: Sequence[tuple[str, str, str]] = [
            (part, f"{count:,}", f"{report.fix.parts.get(part, 0):,}") for part, count in report.parts.items()
        ]
        yield table(("part", "rows now", "rows after"), after, numbers=[1, 2])
        moves = ((report.rows.names[move.row], move.before, move.after) for move in report.fix.moves)
        yield from folded("All moves", [table(("row", "from", "to"), moves)])
    for finding in report.fix.remaining:
        yield f'<p class="warn">No move ends this leak: {escape(finding.message)}.</p>'
