"""HTML building blocks of a report, a self-contained page."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from fertools.training.reports.table_formatting import ResultTable

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2433; --quiet: #5a6477; --rule: #d9dee8; --faint: #e6e9f0;
  --line: #1f5fa8; --other: #b0b8c6; --mark: #b45309; --warn: #fff7e8; --good: #1a7f4b; --shade: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e4e8ef; --quiet: #a3adbd; --rule: #333b48;
  --faint: #272e39; --line: #78b4f0; --other: #59647a; --mark: #f0a95a; --warn: #2e2517; --good: #6fcf97;
  --shade: #4f97e0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h1, p, li, summary { overflow-wrap: anywhere; } td code { white-space: nowrap; }
h2 { font-size: 1.3rem; margin: 3rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { max-width: 46rem; margin: .5rem 0 .9rem; }
.lead { font-size: 1.1rem; }
.quiet, figcaption, caption, svg text { color: var(--quiet); }
.warn { border-left: .3rem solid var(--mark); background: var(--warn); padding: .7rem 1rem; }
figure { margin: 1rem 0 1.6rem; }
figure img { max-width: 100%; height: auto; border: 1px solid var(--rule); }
figcaption, small, .note { font-size: .88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1.6rem; }
.charts.small { grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
.charts.tables { grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }
.charts + .charts { margin-top: 1.6rem; }
.charts h3 { margin: 0; } .charts > div { min-width: 0; }
.charts p { font-size: .88rem; margin: .2rem 0 0; color: var(--quiet); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: 1rem; }
.gallery figure { margin: 0; } .gallery b { color: var(--ink); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
.facts div { border: 1px solid var(--rule); border-radius: .4rem; padding: .7rem .9rem; }
.facts b { display: block; font-size: 1.25rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, "Liberation Sans", sans-serif; fill: var(--quiet); }
svg text.name { font-size: 12px; fill: var(--ink); }
.rule { stroke: var(--faint); } .axis { stroke: var(--quiet); stroke-width: 1; }
.line { fill: none; stroke: var(--line); stroke-width: 1.8; stroke-linejoin: round; }
svg.key { width: 34px; height: 10px; display: inline; }
.run { fill: none; stroke: var(--line); stroke-width: 1; opacity: .45; }
.others { fill: none; stroke: var(--other); stroke-width: .8; opacity: .6; }
.chance { stroke: var(--quiet); stroke-dasharray: 4 4; fill: none; }
.band, .bar { fill: var(--line); } .band { opacity: .15; } .bar { opacity: .35; }
.dot { fill: var(--line); } .ring { fill: none; stroke: var(--quiet); } .tie { stroke: var(--other); opacity: .6; }
.dot.pale { opacity: .35; } .paper { stroke: var(--mark); fill: var(--mark); }
.reach { stroke: var(--line); stroke-width: 2; } .reach.paper { stroke: var(--mark); }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; }
table.result td:first-child { min-width: 9rem; }
table.shaded td, table.shaded th { padding: .4rem .7rem; }
table.shaded td.n { background: color-mix(in srgb, var(--shade) calc(var(--share) * 60%), transparent);
  min-width: 4.4rem; }
table.shaded small { display: block; }
code { font: .92em ui-monospace, "Liberation Mono", monospace; }
details summary { cursor: pointer; padding: .3rem 0; }
@media print { details > * { display: block; } }
"""


def render_page(title: str, body: Iterable[str], *, stylesheet: str | None = None) -> str:
    """Return a whole page.

    Args:
        title: title of the page, as text.
        body: the main content, as HTML.
        stylesheet: address that serves `STYLE`; None puts the style into the page.
    """
    style = f"<style>{STYLE}</style>" if stylesheet is None else f'<link rel="stylesheet" href="{stylesheet}">'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>{style}</head>\n<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    code: Iterable[int] = (),
    kind: str = "",
) -> str:
    """Return a table, which scrolls if it is too wide.

    Args:
        head: headings of the columns.
        rows: texts of the cells.
        numbers: indices of right-aligned columns.
        code: indices of columns in code style.
        kind: CSS class of the table.
    """
    numeric, coded = set(numbers), set(code)

    def cell(tag: str, index: int, text: str) -> str:
        content = f"<code>{escape(text)}</code>" if tag == "td" and index in coded else escape(text)
        return f"<{tag}{' class=n' if index in numeric else ''}>{content}</{tag}>"

    # A screen reader would read an empty heading.
    headings = (cell("th" if text else "td", index, text) for index, text in enumerate(head))
    lines = [f"<tr>{''.join(headings)}</tr>"]
    lines += [f"<tr>{''.join(cell('td', index, text) for index, text in enumerate(row))}</tr>" for row in rows]
    opening = f'<table class="{kind}">' if kind else "<table>"
    return wide(f"{opening}{''.join(lines)}</table>")


def wide(content: str) -> str:
    """Return HTML that scrolls if it is too wide for the page, also by the keyboard."""
    return f'<div class="wide" tabindex="0">{content}</div>'


def render_result_table(result_table: ResultTable) -> str:
    """Return a table of results with its title above and its note below."""
    body = table(result_table.head, result_table.rows, numbers=range(1, len(result_table.head)), kind="result")
    note = f'<p class="note quiet">{escape(result_table.note)}</p>' if result_table.note else ""
    return f"<h3>{escape(result_table.title)}</h3>{body}{note}"


def fact_boxes(facts: Iterable[tuple[str, str]]) -> str:
    """Return a few numbers in boxes, from pairs of a name and a value."""
    boxes = "".join(f"<div><b>{escape(value)}</b>{escape(words)}</div>" for words, value in facts)
    return f'<div class="facts">{boxes}</div>'


def folded(summary: str, body: Iterable[str]) -> Iterable[str]:
    """Yield a part of a page that opens with a click on its summary, and is open in print."""
    yield f"<details><summary>{escape(summary)}</summary>"
    yield from body
    yield "</details>"


def figure(png: bytes, caption: str) -> str:
    """Return an embedded image with a caption."""
    coded = base64.b64encode(png).decode("ascii")
    words = escape(caption)
    return (
        f'<figure><img alt="Sample grid. {words}" src="data:image/png;base64,{coded}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def escape(words: object) -> str:
    """Return text as HTML.

    Example:
        >>> escape("a < b & c")
        'a &lt; b &amp; c'
    """
    return html.escape(str(words), quote=False)
