"""Line charts as inline SVG, drawn by hand so that a report needs no library and no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 34
_BINS = 150
"""Most points of a line; longer series are averaged, with a band from the smallest to the largest value."""

Floats = NDArray[np.float64]


def line_chart(title: str, x_label: str, xs: Sequence[float], ys: Sequence[float], *, mark: float | None = None) -> str:
    """Return an SVG element with one line and both axes.

    Args:
        title: what a screen reader says; the caller writes a heading.
        x_label: words under the horizontal axis.
        xs: ascending numbers, one or more.
        ys: as many finite numbers.
        mark: where a vertical line stands; None for nowhere.
    """
    x, y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    centres, means, lows, highs = _binned(x, y)
    x_ticks, y_ticks = ticks(0.0, float(x[-1])), ticks(float(y.min()), float(y.max()))
    x_range = (0.0, max(float(x[-1]), x_ticks[-1]))
    y_range = (min(float(y.min()), y_ticks[0]), max(float(y.max()), y_ticks[-1]))
    across = _scale(centres, x_range, _LEFT, _WIDTH - _RIGHT)
    band = ""
    if len(x) > _BINS:
        top, bottom = (_scale(edge, y_range, _HEIGHT - _BOTTOM, _TOP) for edge in (highs, lows))
        outline = _points(np.r_[across, across[::-1]], np.r_[top, bottom[::-1]])
        band = f'<polygon class="band" points="{outline}"/>'
    line = _points(across, _scale(means, y_range, _HEIGHT - _BOTTOM, _TOP))
    if mark is not None:
        x_mark = float(_scale(np.array([mark]), x_range, _LEFT, _WIDTH - _RIGHT)[0])
        band += f'<line class="chance" x1="{x_mark:.1f}" x2="{x_mark:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title, quote=True)}">'
        f"{_y_axis(y_ticks, y_range)}{_x_axis(x_ticks, x_range, x_label)}{band}"
        f'<polyline class="line" points="{line}"/></svg>'
    )


def overlaid_chart(title: str, x_label: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return an SVG element with a thin line per curve on common axes, and their mean where all have the same places.

    Args:
        title: what a screen reader says; the caller writes a heading.
        x_label: words under the horizontal axis.
        curves: by name pairs of x and y, x ascending; a pointer on a line shows its name.
    """
    arrays = {name: np.asarray(points, np.float64) for name, points in curves.items()}
    every = np.concatenate(list(arrays.values()))
    x_ticks, y_ticks = ticks(0.0, float(every[:, 0].max())), ticks(float(every[:, 1].min()), float(every[:, 1].max()))
    x_range, y_range = (0.0, x_ticks[-1]), (y_ticks[0], y_ticks[-1])

    def drawn(points: Floats, kind: str, name: str) -> str:
        across = _scale(points[:, 0], x_range, _LEFT, _WIDTH - _RIGHT)
        line = _points(across, _scale(points[:, 1], y_range, _HEIGHT - _BOTTOM, _TOP))
        return f'<polyline class="{kind}" points="{line}"><title>{html.escape(name)}</title></polyline>'

    lines = [drawn(points, "run", name) for name, points in arrays.items()]
    first = next(iter(arrays.values()))
    if all(np.array_equal(points[:, 0], first[:, 0]) for points in arrays.values()):
        lines.append(drawn(np.mean(list(arrays.values()), axis=0), "line", "mean"))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title, quote=True)}">'
        f"{_y_axis(y_ticks, y_range)}{_x_axis(x_ticks, x_range, x_label)}{''.join(lines)}</svg>"
    )


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Return about `wanted` round numbers that cover the span from `low` to `high`.

    Example:
        >>> ticks(0, 100)
        [0.0, 25.0, 50.0, 75.0, 100.0]
    """
    if high - low < 1e-12 * max(1.0, abs(low), abs(high)):
        pad = abs(low) / 2 or 0.5
        low, high = low - pad, high + pad
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _binned(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return mean x, and mean, least and largest y, of at most _BINS runs of neighbouring points."""
    edges = np.unique(np.linspace(0, len(x), min(len(x), _BINS) + 1).astype(int))[:-1]
    sizes = np.diff(np.r_[edges, len(x)])
    return (
        np.add.reduceat(x, edges) / sizes,
        np.add.reduceat(y, edges) / sizes,
        np.minimum.reduceat(y, edges),
        np.maximum.reduceat(y, edges),
    )


def _scale(values: Floats, span: tuple[float, float], begin: float, end: float) -> Floats:
    low, high = span
    scaled: Floats = begin + (np.asarray(values) - low) / ((high - low) or 1.0) * (end - begin)
    return scaled


def _points(across: Floats, down: Floats) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))


def _y_axis(values: list[float], span: tuple[float, float]) -> str:
    positions = _scale(np.array(values), span, _HEIGHT - _BOTTOM, _TOP)
    return "".join(
        f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{x_mark:.1f}" y2="{x_mark:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{x_mark + 4:.1f}" text-anchor="end">{value:g}</text>'
        for value, x_mark in zip(values, positions, strict=True)
    )


def _x_axis(values: list[float], span: tuple[float, float], label: str) -> str:
    positions = _scale(np.array(values), span, _LEFT, _WIDTH - _RIGHT)
    marks = "".join(
        f'<text x="{x_mark:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:g}</text>'
        for value, x_mark in zip(values, positions, strict=True)
    )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return f'{marks}<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">{html.escape(label)}</text>'
