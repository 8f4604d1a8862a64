"""What a system shows of itself, in a run's report: its numbers, points in a plane, histograms and pictures."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fertools.core.explain import reading
from fertools.training.reports.html import escape, figure, table
from fertools.training.runs.folder import RunFolder

_WIDTH, _HEIGHT, _EDGE = 340, 240, 12
_BINS = 20
_CLASSES = ("dot", "paper")
"""How the first and the second group are drawn."""


def analysis_section(folder: RunFolder) -> Iterator[str]:
    """Yield what a run's system shows of held-out faces; nothing for a system that shows nothing.

    Raises:
        InputError: the file is damaged.
    """
    path = folder.analysis_path
    if not path.is_file():
        return
    with reading(path, "is no analysis of a run", "train the run again"):
        found = json.loads(path.read_bytes())
        rows = [(name, f"{value:.3f}", found["words"].get(name, "")) for name, value in found["numbers"].items()]
        charts = [
            (name, draw(groups), found["words"][name])
            for kind, draw in (("points", scatter), ("values", histogram))
            for name, groups in found[kind].items()
        ]
        counts = " and ".join(f"{count} {name} faces" for name, count in found["faces"].items())
    yield "<h2>What the networks make of held-out faces</h2>"
    yield f"<p>Of {escape(counts)}.</p>"
    yield table(("measure", "value", "meaning"), rows, numbers=(1,))
    cells = "".join(_chart(*entry) for entry in charts)
    yield f'<div class="charts">{cells}</div>'
    if folder.rebuilt_path.is_file():
        yield figure(folder.rebuilt_path.read_bytes(), "Held-out faces, and what was made of them.")


def _chart(name: str, chart: str, words: str) -> str:
    return f"<div><h3>{escape(name)}</h3>{chart}<p>{escape(words)}</p></div>"


def compared_analyses(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the systems of an experiment's steps show of held-out faces, one step beside another.

    Args:
        found: what `fertools.training.experiments.beside_results.compare_analyses` returns; nothing is shown if it has
            no numbers.
    """
    numbers: Mapping[str, Mapping[str, float]] = found["numbers"]
    if not numbers:
        return
    names = list(dict.fromkeys(name for entry in numbers.values() for name in entry))
    rows = [
        (title, *(f"{entry[name]:.3f}" if name in entry else "" for name in names)) for title, entry in numbers.items()
    ]
    yield "<h2>What the networks make of held-out faces, by method</h2>"
    yield "<p>Means over the runs of a method.</p>"
    yield table(("", *names), rows, numbers=tuple(range(1, len(names) + 1)))
    meant = "".join(
        f"<li>{escape(name)}: {escape(found['words'][name])}</li>" for name in names if name in found["words"]
    )
    yield f'<ul class="quiet">{meant}</ul>'
    figures_by_kind = [
        "".join(
            _chart(f"{title}: {name}", draw(groups), found["words"].get(name, ""))
            for title, figures in found["figures"].items()
            for name, groups in figures[kind].items()
        )
        for kind, draw in (("points", scatter), ("values", histogram))
    ]
    if any(figures_by_kind):
        yield "<p>Figures of the two methods that are compared first, each of its first run.</p>"
        yield from (f'<div class="charts">{row}</div>' for row in figures_by_kind if row)


def further_section(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the metrics of further predictions for held-out faces: of other networks, and under controls.

    Args:
        results: of the run's record.
    """
    if further := results.get("further"):
        yield "<h2>Predictions of other networks</h2>"
        yield _further_table("faces of", further)
    if controls := results.get("controls"):
        yield "<h2>Controls</h2>"
        yield "<p>Predictions of the same network from changed inputs show what it depends on.</p>"
        named = {"unchanged": results} | {entry["words"]: entry for entry in controls.values()}
        yield _further_table("input", named)


def _further_table(head: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    measures = {"accuracy": "accuracy", "uar": "UAR", "macro_f1": "macro F1"}
    rows = [
        (name, str(entry["faces"]), *(f"{entry[key]:.1%}" if key in entry else "" for key in measures))
        for name, entry in found.items()
    ]
    return table((head, "held-out faces", *measures.values()), rows, numbers=(1, 2, 3, 4))


def scatter(groups: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Return points of up to two groups in a plane as SVG, whose axes have no meaning.

    Args:
        groups: pairs by name.
    """
    every = [point for points in groups.values() for point in points]
    spans = [(min(values), max(values)) for values in zip(*every, strict=True)]
    marks = ""
    for kind, (name, points) in zip(_CLASSES, groups.items(), strict=False):
        for point in points:
            x, y = (
                _EDGE + (value - low) / ((high - low) or 1.0) * (side - 2 * _EDGE)
                for value, (low, high), side in zip(point, spans, (_WIDTH, _HEIGHT), strict=True)
            )
            marks += f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.4"><title>{_safe(name)}</title></circle>'
    return _svg("Points by group", marks + _legend(groups))


def histogram(groups: Mapping[str, Sequence[float]]) -> str:
    """Return the shares of up to two groups in twenty equal bins from 0 to 1 as SVG, side by side.

    Args:
        groups: numbers from 0 to 1 by name.
    """
    shares = {name: _binned(values) for name, values in groups.items()}
    most = max(max(values) for values in shares.values()) or 1.0
    step, bars = (_WIDTH - 2 * _EDGE) / _BINS, ""
    for number, (kind, values) in enumerate(zip(_CLASSES, shares.values(), strict=False)):
        for place, share in enumerate(values):
            height = share / most * (_HEIGHT - 4 * _EDGE)
            x = _EDGE + step * (place + number / 2)
            bars += (
                f'<rect class="{kind}" x="{x:.1f}" y="{_HEIGHT - 2 * _EDGE - height:.1f}" width="{step / 2 - 1:.1f}" '
                f'height="{height:.1f}"><title>{share:.1%}</title></rect>'
            )
    axis = "".join(
        f'<text x="{_EDGE + value * (_WIDTH - 2 * _EDGE):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{value:g}</text>'
        for value in (0, 0.5, 1)
    )
    return _svg("Shares by group", bars + axis + _legend(groups))


def _binned(values: Sequence[float]) -> list[float]:
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int(value * _BINS))] += 1
    return [count / max(1, len(values)) for count in counts]


def _legend(groups: Mapping[str, Any]) -> str:
    marks = ""
    for number, (kind, name) in enumerate(zip(_CLASSES, groups, strict=False)):
        x = _EDGE + 90 * number
        marks += f'<circle class="{kind}" cx="{x + 4}" cy="8" r="4"/><text x="{x + 12}" y="12">{_safe(name)}</text>'
    return marks


def _svg(words: str, body: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_safe(words)}">{body}</svg>'


def _safe(words: str) -> str:
    return html.escape(words, quote=True)
