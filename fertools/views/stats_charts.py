"""Charts of a dataset's statistics as inline SVG, so that a page needs no library and no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from fertools.training.reports.charts import ticks
from fertools.views.stats import Distribution

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 340, 170, 52, 34, 10
_CELL = 14


def bar_chart(title: str, counts: Mapping[str, int]) -> str:
    """Return an SVG element with one horizontal bar per name.

    Args:
        title: text for screen readers; the caller writes a heading.
        counts: numbers by name, in the order of the bars.
    """
    most, height = max(counts.values(), default=0) or 1, 22 * len(counts) + 4
    rows = []
    for place, (name, count) in enumerate(counts.items()):
        y, width = 22 * place + 2, 170 * count / most
        rows.append(
            f'<text class="name" x="104" y="{y + 14}" text-anchor="end">{_shortened(name)}</text>'
            f'<rect class="bar" x="110" y="{y + 3}" width="{width:.1f}" height="15"/>'
            f'<text x="{width + 116:.1f}" y="{y + 14}">{count:,}</text>'
        )
    return _svg(title, _WIDTH, height, "".join(rows))


def histogram(title: str, found: Distribution) -> str:
    """Return an SVG element with the histogram of a distribution, and a line at its median.

    Args:
        title: text for screen readers and label of the horizontal axis.
        found: the distribution.
    """
    low, high, most = found.edges[0], found.edges[-1], max(found.counts) or 1
    across, down = _WIDTH - _LEFT - 14, _HEIGHT - _BOTTOM - _TOP

    def x_of(value: float) -> float:
        return _LEFT + across * (min(max(value, low), high) - low) / (high - low)

    bars = "".join(
        f'<rect class="bar" x="{x_of(edge):.1f}" y="{_TOP + down * (1 - count / most):.1f}" '
        f'width="{max(across / len(found.counts) - 0.5, 0.5):.1f}" height="{down * count / most:.1f}"/>'
        for edge, count in zip(found.edges, found.counts, strict=False)
    )
    middle = x_of(found.median)
    marks = "".join(
        f'<text x="{x_of(value):.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{value:g}</text>'
        for value in ticks(low, high)
        if low <= value <= high
    )
    return _svg(
        title,
        _WIDTH,
        _HEIGHT,
        f'{bars}<line class="chance" x1="{middle:.1f}" x2="{middle:.1f}" y1="{_TOP}" y2="{_TOP + down}"/>'
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + across}" y1="{_TOP + down}" y2="{_TOP + down}"/>{marks}'
        f'<text x="{_LEFT - 6}" y="{_TOP + 8}" text-anchor="end">{most:,}</text>'
        f'<text x="{_LEFT + across / 2:.0f}" y="{_HEIGHT - 3}" text-anchor="middle">{html.escape(title)}</text>',
    )


def plane(counts: Sequence[Sequence[int]]) -> str:
    """Return an SVG element with the valence-arousal plane: the darker a cell, the more faces (on a log scale).

    Args:
        counts: number of faces in each cell; the first row has the lowest arousal.
    """
    side, most = _CELL * len(counts), max(map(max, counts))
    cells = [
        f'<rect class="dot" fill-opacity="{0.08 + 0.92 * math.log1p(count) / math.log1p(most):.2f}" '
        f'x="{30 + column * _CELL}" y="{side - (row + 1) * _CELL + 6}" width="{_CELL}" height="{_CELL}">'
        f"<title>{count:,} faces</title></rect>"
        for row, numbers in enumerate(counts)
        for column, count in enumerate(numbers)
        if count
    ]
    middle, edge = side / 2 + 6, side / 2 + 30
    frame = (
        f'<rect class="ring" x="30" y="6" width="{side}" height="{side}"/>'
        f'<line class="axis" x1="30" x2="{30 + side}" y1="{middle:.0f}" y2="{middle:.0f}"/>'
        f'<line class="axis" x1="{edge:.0f}" x2="{edge:.0f}" y1="6" y2="{side + 6}"/>'
    )
    words = "".join(
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in (
            (24, 14, "end", "1"),
            (24, side + 6, "end", "\N{MINUS SIGN}1"),
            (30, side + 22, "start", "\N{MINUS SIGN}1"),
            (30 + side, side + 22, "end", "1"),
            (edge, side + 22, "middle", "valence"),
            (edge + 4, 17, "start", "arousal"),
        )
    )
    return _svg("Faces in the plane of valence and arousal", side + 40, side + 28, "".join(cells) + frame + words)


def timeline(title: str, counts: Sequence[int]) -> str:
    """Return an SVG element with faces over time as a row of bars.

    Args:
        title: text for screen readers.
        counts: numbers of faces in equal parts of the time.
    """
    most, step = max(counts) or 1, _WIDTH / len(counts)
    bars = "".join(
        f'<rect class="bar" x="{place * step:.1f}" y="{40 * (1 - count / most):.1f}" width="{step - 0.5:.1f}" '
        f'height="{40 * count / most:.1f}"/>'
        for place, count in enumerate(counts)
    )
    return _svg(title, _WIDTH, 42, f'{bars}<line class="axis" x1="0" x2="{_WIDTH}" y1="41" y2="41"/>')


def _svg(title: str, width: int, height: int, body: str) -> str:
    words = html.escape(title, quote=True)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{words}">{body}</svg>'


def _shortened(name: str) -> str:
    return html.escape(name if len(name) <= 16 else f"{name[:15]}\N{HORIZONTAL ELLIPSIS}")
