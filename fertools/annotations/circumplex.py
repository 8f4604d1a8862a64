"""The table of valence and arousal points, one per expression: `annotations/circumplex.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fertools.core import package_data
from fertools.core.errors import InputError
from fertools.core.toml import shown, table_in
from fertools.core.vocabulary import load_lexicon


@dataclass(frozen=True)
class Point:
    """The point of an expression in the plane of valence and arousal.

    Attributes:
        valence: valence, from unpleasant (-1) to pleasant (1).
        arousal: arousal, from calm (-1) to excited (1).
        source: publication or origin of the numbers.
    """

    valence: float
    arousal: float
    source: str


def load_points(workspace: Path | None = None) -> dict[str, Point]:
    """Return the point of every label that has one, in the order of the file.

    Args:
        workspace: root folder of a workspace whose `annotations/circumplex.toml` takes precedence; None for the shipped
            file.

    Raises:
        InputError: a label is not in the lexicon, a number is outside [-1, 1], or a source is missing.

    Example:
        >>> load_points()["anger"].valence
        -0.57
    """
    path = package_data.find("annotations", "circumplex", workspace)
    labels = load_lexicon(workspace).labels
    points = {}
    table = table_in(package_data.read_toml(path), "points", path)
    for label in table:
        entry = table_in(table, label, f"[points] of {path}")
        if label not in labels:
            raise InputError(f"{path} has a point for '{label}', which is no label; labels are {', '.join(labels)}")
        source = entry.get("source")
        if not isinstance(source, str) or not source:
            raise InputError(f"{path} gives no source for [points.{label}]; say where its numbers come from")
        points[label] = Point(_value(path, label, entry, "valence"), _value(path, label, entry, "arousal"), source)
    return points


def _value(path: Path, label: str, entry: dict[str, Any], name: str) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 1:
        raise InputError(f"{path} gives [points.{label}] the {name} {shown(value)}; give a number in [-1, 1]")
    return float(value)
