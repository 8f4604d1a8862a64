"""HTML building blocks of a report: one page that holds everything and needs no network."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 4rem; background: #fff; color: #1d2433;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .6rem; padding-top: 1rem; border-top: 1px solid #d9dee8; }
h3 { font-size: 1rem; margin: 0; }
p { max-width: 46rem; margin: .5rem 0 .9rem; }
.lead { font-size: 1.1rem; }
.quiet, figcaption, svg text { color: #5a6477; }
.warn { border-left: .3rem solid #b45309; background: #fff7e8; padding: .7rem 1rem; }
figure { margin: 1rem 0 1.6rem; }
figure img { max-width: 100%; height: auto; border: 1px solid #d9dee8; }
figcaption, small { font-size: .88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1.6rem; }
.charts p { font-size: .88rem; margin: .2rem 0 0; color: #5a6477; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
.facts div { border: 1px solid #d9dee8; border-radius: .4rem; padding: .7rem .9rem; }
.facts b { display: block; font-size: 1.25rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, "Liberation Sans", sans-serif; fill: #5a6477; }
.rule { stroke: #e6e9f0; } .line { fill: none; stroke: #1f5fa8; stroke-width: 1.8; stroke-linejoin: round; }
.band { fill: #1f5fa8; opacity: .15; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid #e6e9f0; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .92em ui-monospace, "Liberation Mono", monospace; }
details summary { cursor: pointer; padding: .3rem 0; }
"""


def render_page(title: str, body: Iterable[str]) -> str:
    """Return a whole page; `title` is text and `body` HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    code: Iterable[int] = (),
) -> str:
    """Return a table, which scrolls by itself where it is too wide.

    Args:
        head: words over the columns.
        rows: text per cell.
        numbers: columns set flush right.
        code: columns set as code.
    """
    numeric, coded = set(numbers), set(code)

    def cell(tag: str, index: int, text: str) -> str:
        content = f"<code>{escape(text)}</code>" if tag == "td" and index in coded else escape(text)
        return f"<{tag}{' class=n' if index in numeric else ''}>{content}</{tag}>"

    lines = [f"<tr>{''.join(cell('th', index, text) for index, text in enumerate(head))}</tr>"]
    lines += [f"<tr>{''.join(cell('td', index, text) for index, text in enumerate(row))}</tr>" for row in rows]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def figure(png: bytes, caption: str) -> str:
    """Return a picture, carried in the page, with words under it."""
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
