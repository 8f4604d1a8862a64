"""Figures of results as inline SVG and HTML, with texts for screen readers.

No figure depends on colour alone: each curve has a panel, marks differ in shape, and numbers are shown.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fertools.training.reports.charts import ticks
from fertools.training.reports.html import wide

_SIDE, _LEFT, _BOTTOM, _TOP, _RIGHT = 240, 38, 34, 10, 12
_ROW, _NAMES, _WIDTH = 34, 250, 760
_NAME_LETTERS = 38
"""Letters of a method's name that fit into one line of an interval chart."""
_MOST_PAIRS = 400
"""Faces shown in the plane of valence and arousal; more would cover one another."""


_DASHES = ("none", "6 3", "2 2", "9 3 2 3", "1 4")
"""Dash patterns of the curves of several methods in one chart."""
MOST_CURVES = len(_DASHES)
"""Methods in one chart."""


def roc_panels(curves: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a panel per ROC curve, with the other curves pale in the background.

    Args:
        curves: `fpr`, `tpr` and `auc` by name.
    """
    lines = {name: _points(curve["fpr"], curve["tpr"]) for name, curve in curves.items()}
    panels = []
    for name, curve in curves.items():
        others = "".join(
            f'<polyline class="others" points="{line}"/>' for other, line in lines.items() if other != name
        )
        words = f"ROC curve of {name}, area {curve['auc']:.3f}"
        body = f'{_diagonal()}{others}<polyline class="line" points="{lines[name]}"/>'
        panels.append(
            f"<div><h3>{html.escape(name)}</h3>{_square(words, body, 'false positive rate', 'true positive rate')}"
            f"<p>AUC {curve['auc']:.3f}</p></div>"
        )
    return f'<div class="charts small">{"".join(panels)}</div>'


def roc_comparison(methods: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Return a panel per class, and for the macro and micro averages, with a curve per method.

    Args:
        methods: `fpr`, `tpr` and `auc` by class, by method; at most as many methods as there are dash patterns.
    """
    panels = []
    for name in dict.fromkeys(name for curves in methods.values() for name in curves):
        body, words = _diagonal(), []
        for (method, curves), dashes in zip(methods.items(), _DASHES, strict=False):
            if (curve := curves.get(name)) is None:
                continue
            points = _points(curve["fpr"], curve["tpr"])
            body += f'<polyline class="line" style="stroke-dasharray: {dashes}" points="{points}"/>'
            sample = f'<line class="line" style="stroke-dasharray: {dashes}" x1="0" x2="34" y1="5" y2="5"/>'
            words.append(
                f'<svg class="key" viewBox="0 0 34 10">{sample}</svg> {html.escape(method)}: {curve["auc"]:.3f}'
            )
        square = _square(f"ROC curves of {name}, by method", body, "false positive rate", "true positive rate")
        panels.append(f"<div><h3>{html.escape(name)}</h3>{square}<p>AUC<br>{'<br>'.join(words)}</p></div>")
    return f'<div class="charts small">{"".join(panels)}</div>'


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> str:
    """Return the reliability diagram: accuracy by confidence, with bars for the share of faces."""
    filled = [entry for entry in bins if entry["faces"]]
    total = sum(entry["faces"] for entry in filled)
    body = _diagonal()
    for entry in filled:
        low, high = _across(entry["low"]), _across(entry["high"])
        top = _up(entry["faces"] / total)
        body += (
            f'<rect class="bar" x="{low:.1f}" y="{top:.1f}" width="{high - low:.1f}" height="{_up(0) - top:.1f}">'
            f"<title>{entry['faces']} faces</title></rect>"
        )
    body += f'<polyline class="line" points="{_points(*_columns(filled, "confidence", "accuracy"))}"/>'
    for entry in filled:
        x, y = _across(entry["confidence"]), _up(entry["accuracy"])
        words = f"{entry['faces']} faces: confidence {entry['confidence']:.2f}, accuracy {entry['accuracy']:.2f}"
        body += f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{words}</title></circle>'
    return _square("Reliability diagram", body, "confidence", "accuracy")


def confusion_table(classes: Sequence[str], counts: Sequence[Sequence[int]], shares: Sequence[Any]) -> str:
    """Return the confusion matrix: rows are true classes, cells have the share of the row and the count."""
    head = "".join(f"<th class=n>{html.escape(name)}</th>" for name in classes)
    rows = []
    for name, line, part in zip(classes, counts, shares, strict=True):
        if part is None:
            rows.append(f"<tr><th>{html.escape(name)}</th><td colspan={len(classes)}>no face</td></tr>")
            continue
        cells = "".join(
            f'<td class=n style="--share:{share:.3f}">{share:.0%}<small>{count:,}</small></td>'
            for count, share in zip(line, part, strict=True)
        )
        rows.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    return wide(
        '<table class="shaded"><caption>Rows: true class. Columns: prediction. Share of the row, and '
        f"number of faces.</caption><tr><td></td>{head}</tr>{''.join(rows)}</table>"
    )


def valence_arousal_plot(truths: Sequence[Sequence[float]], estimates: Sequence[Sequence[float]]) -> str:
    """Return the plane of valence and arousal: a ring for each rating, connected to the dot of its prediction.

    Args:
        truths: N pairs.
        estimates: N pairs.
    """
    step = max(1, -(-len(truths) // _MOST_PAIRS))
    ties, marks = "", ""
    for truth, estimate in zip(truths[::step], estimates[::step], strict=True):
        x, y, u, v = (*_in_plane(truth), *_in_plane(estimate))
        ties += f'<line class="tie" x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}"/>'
        marks += f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        marks += f'<circle class="dot" cx="{u:.1f}" cy="{v:.1f}" r="2.2"/>'
    middle_x, middle_y = _in_plane((0, 0))
    cross = (
        f'<line class="chance" x1="{_LEFT}" x2="{_SIDE - _RIGHT}" y1="{middle_y}" y2="{middle_y}"/>'
        f'<line class="chance" y1="{_TOP}" y2="{_SIDE - _BOTTOM}" x1="{middle_x}" x2="{middle_x}"/>'
    )
    words = "Valence and arousal: rings are ratings, dots are predictions"
    return _square(words, cross + ties + marks, "valence", "arousal", span=(-1.0, 1.0))


def interval_chart(rows: Iterable[Mapping[str, Any]], label: str, *, chance: float | None = None) -> str:
    """Return a row per method with the values of its folds, their mean and its interval.

    Args:
        rows: `name`, `values` (may be empty), `mean`, `low` and `high` (None for none), and `paper`, whether these are
            the numbers of a paper.
        label: label of the axis.
        chance: value of chance level, for a dashed line.
    """
    rows = list(rows)
    known = [value for row in rows for value in (*row["values"], row["mean"], row["low"], row["high"], chance)]
    marks = ticks(
        min(value for value in known if value is not None), max(value for value in known if value is not None)
    )
    height = _ROW * len(rows) + 36
    low, high = marks[0], marks[-1]

    def across(value: float) -> float:
        return _NAMES + (value - low) / ((high - low) or 1) * (_WIDTH - _NAMES - 90)

    body = "".join(
        f'<line class="rule" x1="{across(mark):.1f}" x2="{across(mark):.1f}" y1="4" y2="{height - 32}"/>'
        f'<text x="{across(mark):.1f}" y="{height - 18}" text-anchor="middle">{mark:g}</text>'
        for mark in marks
    )
    if chance is not None:
        body += f'<line class="chance" x1="{across(chance):.1f}" x2="{across(chance):.1f}" y1="4" y2="{height - 32}"/>'
    for index, row in enumerate(rows):
        body += _interval_row(row, index * _ROW + 20, across)
    middle = (_NAMES + _WIDTH - 90) / 2
    body += f'<text x="{middle}" y="{height - 3}" text-anchor="middle">{html.escape(label)}</text>'
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{html.escape(label, quote=True)} by method">'
        f"{body}</svg>"
    )


def _interval_row(row: Mapping[str, Any], y: int, across: Any) -> str:
    kind = " paper" if row["paper"] else ""
    lines = textwrap.wrap(row["name"], _NAME_LETTERS, max_lines=2, placeholder=" …")
    # Two lines stand above and below the middle of the row.
    parts = [
        f'<text class="name" x="{_NAMES - 12}" y="{y + 4 + 14 * number - 7 * (len(lines) - 1)}" text-anchor="end">'
        f"{html.escape(line)}</text>"
        for number, line in enumerate(lines)
    ]
    if row["low"] is not None:
        ends = f'x1="{across(row["low"]):.1f}" x2="{across(row["high"]):.1f}"'
        parts.append(f'<line class="reach{kind}" {ends} y1="{y}" y2="{y}"/>')
    parts += [f'<circle class="dot pale" cx="{across(value):.1f}" cy="{y + 8}" r="3"/>' for value in row["values"]]
    x = across(row["mean"])
    if row["paper"]:
        parts.append(f'<path class="paper" d="M{x - 6:.1f} {y}L{x:.1f} {y - 6}L{x + 6:.1f} {y}L{x:.1f} {y + 6}Z"/>')
    else:
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="5"/>')
    parts.append(f'<text class="name" x="{_WIDTH - 80}" y="{y + 4}">{row["mean"]:.3f}</text>')
    return "".join(parts)


def _in_plane(point: Sequence[float]) -> tuple[float, float]:
    valence, arousal = (min(1.0, max(-1.0, value)) for value in point)
    return _across((valence + 1) / 2), _up((arousal + 1) / 2)


def _columns(rows: Sequence[Mapping[str, Any]], *names: str) -> tuple[list[float], ...]:
    return tuple([row[name] for row in rows] for name in names)


def _across(share: float) -> float:
    return _LEFT + share * (_SIDE - _LEFT - _RIGHT)


def _up(share: float) -> float:
    return _SIDE - _BOTTOM - share * (_SIDE - _BOTTOM - _TOP)


def _points(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{_across(x):.1f},{_up(y):.1f}" for x, y in zip(xs, ys, strict=True))


def _diagonal() -> str:
    return f'<line class="chance" x1="{_across(0)}" y1="{_up(0)}" x2="{_across(1)}" y2="{_up(1)}"/>'


def _square(words: str, body: str, below: str, beside: str, span: tuple[float, float] = (0.0, 1.0)) -> str:
    """Return a square chart with both axes over the range `span`."""
    low, high = span
    rules = ""
    for index in range(5):
        share, value = index / 4, low + index / 4 * (high - low)
        x, y = _across(share), _up(share)
        rules += (
            f'<line class="rule" x1="{_across(0)}" x2="{_across(1)}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<line class="rule" y1="{_up(0)}" y2="{_up(1)}" x1="{x:.1f}" x2="{x:.1f}"/>'
        )
        if index % 2 == 0:
            rules += (
                f'<text x="{_across(0) - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
                f'<text x="{x:.1f}" y="{_up(0) + 14}" text-anchor="middle">{value:g}</text>'
            )
    middle = _across(0.5)
    return (
        f'<svg viewBox="0 0 {_SIDE} {_SIDE}" role="img" aria-label="{html.escape(words, quote=True)}">{rules}{body}'
        f'<text x="{middle}" y="{_SIDE - 4}" text-anchor="middle">{html.escape(below)}</text>'
        f'<text transform="translate(10 {_up(0.5):.0f}) rotate(-90)" text-anchor="middle">{html.escape(beside)}</text>'
        "</svg>"
    )
