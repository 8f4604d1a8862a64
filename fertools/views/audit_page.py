"""Write what an audit found as one HTML file with the pictures of each case side by side; it needs no network."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from fertools.core import files
from fertools.splits.audit.audit_finding import Finding, Severity
from fertools.splits.audit.picture_hash import read_picture
from fertools.splits.audit.run_audit import AuditReport
from fertools.training.reports.html import escape, fact_boxes, folded, render_page, table

MOST_CASES, MOST_PICTURES, MOST_MOVES = 24, 12, 1000
"""Largest number of cases of a finding, of pictures of a case, and of moves, that the page shows."""
_OPEN_CASES = 4
"""Number of cases of a finding that are seen without a click."""
_SIDE_PX = 128
_MEANINGS: dict[Severity, str] = {
    "leak": "a test is too easy",
    "error": "something is wrong in the data",
    "warning": "look at it",
    "note": "good to know",
}
_STYLE = """<style>
.severity { display: inline-block; margin-right: .6rem; padding: 0 .6rem; border: 1px solid currentColor;
  border-radius: 1rem; font-size: .82rem; font-weight: 600; vertical-align: .1rem; }
.severity.leak, .severity.error { color: var(--bad); } .severity.warning { color: var(--mark); }
.severity.leak { background: var(--bad); color: var(--paper); border-color: var(--bad); }
:root { --bad: #b3261e; } @media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; } }
.case { margin: .8rem 0; padding: .8rem; border: 1px solid var(--rule); border-radius: .4rem; }
.case img { width: 100%; image-rendering: auto; background: var(--faint); }
.case figcaption { overflow-wrap: anywhere; }
</style>"""


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
    yield f"{_STYLE}<h1>{escape(title)}</h1>"
    facts = {"rows": f"{len(report.rows):,}", "kinds of leaks": f"{len(report.leaks):,}"}
    if report.leakage is not None:
        facts["similarity across parts"] = f"{report.leakage.split:.3f}"
        facts["in a random split"] = f"{report.leakage.random:.3f}"
    yield fact_boxes(facts.items())
    if report.leakage is not None:
        yield f'<p class="note quiet">Similarity is that of {escape(report.leakage.measure)}.</p>'
    yield table(("part", "rows"), ((part, f"{count:,}") for part, count in report.parts.items()), numbers=[1])
    yield from _overview(report)
    for number, finding in enumerate(report.findings):
        yield f'<h2 id="finding-{number}">{_badge(finding.severity)}{escape(_sentence(finding))}</h2>'
        yield from _cases(report, finding)
    if report.fix is not None:
        yield from _fix(report)


def _overview(report: AuditReport) -> Iterator[str]:
    """Yield all findings as links, and what was not checked."""
    if not report.findings:
        yield "<p>The audit found nothing.</p>"
    else:
        yield "<h2>What was found</h2><ul>"
        for number, finding in enumerate(report.findings):
            words = f'<a href="#finding-{number}">{escape(_sentence(finding))}</a>'
            yield f"<li>{_badge(finding.severity)}{words}</li>"
        yield "</ul>"
        severities = dict.fromkeys(finding.severity for finding in report.findings)
        meanings = "; ".join(f"{severity}: {_MEANINGS[severity]}" for severity in severities)
        yield f'<p class="note quiet">{escape(meanings)}.</p>'
    if report.unchecked:
        yield "<p>Not checked:</p><ul>"
        yield from (f"<li>{escape(reason)}</li>" for reason in report.unchecked)
        yield "</ul>"


def _badge(severity: Severity) -> str:
    return f'<span class="severity {severity}">{severity}</span>'


def _sentence(finding: Finding) -> str:
    return finding.message[:1].upper() + finding.message[1:]


def _cases(report: AuditReport, finding: Finding) -> Iterator[str]:
    shown = finding.groups[:MOST_CASES]
    for group in shown[:_OPEN_CASES]:
        yield from _case(report, group)
    if more := shown[_OPEN_CASES:]:
        body = (line for group in more for line in _case(report, group))
        yield from folded(f"{len(more)} more cases" if len(more) > 1 else "1 more case", body)
    if len(finding.groups) > MOST_CASES:
        yield f"<p>The first {MOST_CASES} of {len(finding.groups):,} cases. <code>--json</code> lists all.</p>"


def _case(report: AuditReport, group: Sequence[int]) -> Iterator[str]:
    pictures = "".join(_picture(report, row) for row in group[:MOST_PICTURES])
    yield f'<div class="case"><div class="gallery">{pictures}</div>'
    if len(group) > MOST_PICTURES:
        yield f'<p class="note quiet">The first {MOST_PICTURES} of {len(group):,} rows.</p>'
    yield "</div>"


def _picture(report: AuditReport, row: int) -> str:
    rows = report.rows
    facts = [rows.parts[row], rows.column("emotion")[row], rows.column("subject")[row]]
    words = " &middot; ".join(escape(fact) for fact in facts if fact is not None)
    name = escape(rows.name(row)).replace('"', "&quot;")
    caption = f"<figcaption><b>{words}</b><br>{name}</figcaption>"
    picture = read_picture(rows.path(row))
    if picture is None:
        return f"<figure>{caption}</figure>"
    scale = min(1.0, _SIDE_PX / max(picture.shape[:2]))
    width, height = (max(1, round(side * scale)) for side in picture.shape[1::-1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    coded = base64.b64encode(cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, 90])[1].tobytes()).decode()
    source = f'src="data:image/webp;base64,{coded}"'
    return f'<figure><img loading="lazy" width="{width}" height="{height}" alt="{name}" {source}>{caption}</figure>'


def _fix(report: AuditReport) -> Iterator[str]:
    if report.fix is None:
        return
    yield f"<h2>Proposed moves: {len(report.fix.moves):,}</h2>"
    if report.fix.moves:
        after = [(part, f"{count:,}", f"{report.fix.parts.get(part, 0):,}") for part, count in report.parts.items()]
        yield table(("part", "rows now", "rows after"), after, numbers=[1, 2])
        shown = report.fix.moves[:MOST_MOVES]
        moves = ((report.rows.name(move.row), move.before, move.after) for move in shown)
        whole = len(shown) == len(report.fix.moves)
        yield from folded(
            "All moves" if whole else f"The first {MOST_MOVES:,} moves", [table(("row", "from", "to"), moves)]
        )
    for finding in report.fix.remaining:
        yield f'<p class="warn">No move ends this leak: {escape(finding.message)}.</p>'
