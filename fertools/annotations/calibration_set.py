"""The calibration set: faces with known ratings, which every rater rates first, with feedback.

The owner of the dataset gives a table of faces, or draws some of the faces that have ratings. The prior of an
expression is not a rating of a face, so it never serves as feedback.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from fertools.annotations.catalogue import Catalogue
from fertools.annotations.events import is_value
from fertools.annotations.queue import draw
from fertools.annotations.queue_plan import Plan
from fertools.annotations.suggestions import PRIOR, read_points
from fertools.core.arguments import argument
from fertools.core.errors import InputError

_ALL = {"va": ("valence", "arousal"), "emotion": ("emotion",)}


@dataclass(frozen=True)
class Reference:
    """The known rating of a face.

    Attributes:
        origin: origin of the reference: `people`, `import:` and the name of a file, or the name of the owner's table.
        valence: valence in [-1, 1]; None if raters rate only the expression.
        arousal: arousal in [-1, 1]; None if raters rate only the expression.
        emotion: label of the expression; None if it is unknown or not rated.
    """

    origin: str
    valence: float | None = None
    arousal: float | None = None
    emotion: str | None = None


def read_calibration(
    path: Path, catalogue: Catalogue, tasks: Sequence[str], emotions: Container[str]
) -> dict[int, Reference]:
    """Return the owner's calibration set, by row of the catalogue, in the order of the table.

    Args:
        path: path of a table (CSV or Parquet) with `face_id`, and with `valence` and `arousal`, `emotion`, or all.
        catalogue: the catalogue of faces.
        tasks: what raters rate: `va`, `emotion` or both.
        emotions: the valid labels.

    Raises:
        InputError: the table cannot be read, or a row is wrong; the message has its line.
    """
    names = [name for task in tasks for name in _ALL[task]]
    found: dict[int, Reference] = {}
    for place, face_id, *cells in read_points(path, ("face_id", *names)):
        values = dict(zip(names, cells, strict=True))
        if face_id not in catalogue.row_of:
            raise InputError(f"{place}: there is no face '{face_id}' to rate; name faces of this workspace")
        for name, value in values.items():
            if name == "emotion" and value not in emotions:
                raise InputError(f"{place}: '{value}' is no expression here; give one of its labels")
            if name != "emotion" and not is_value(value):
                raise InputError(f"{place}: {name} {value} is not in [-1, 1]")
        found[catalogue.row_of[str(face_id)]] = Reference(path.name, **values)
    if not found:
        raise InputError(f"{path} names no face; leave {argument('calibration')} out for no calibration")
    return found


def choose_calibration(catalogue: Catalogue, plan: Plan, tasks: Sequence[str]) -> dict[int, Reference]:
    """Draw calibration faces from those with known ratings; return them by row of the catalogue.

    Expressions take turns, and each face comes from another source as long as there are enough. The set has at most a
    tenth of all faces.

    Args:
        catalogue: the catalogue of faces.
        plan: the seed and the number of faces.
        tasks: what raters rate: `va`, `emotion` or both.

    Raises:
        InputError: the plan has calibration faces, but no face has a known rating.
    """
    if not plan.calibration:
        return {}
    known = _known(catalogue, tasks)
    if not known.any():
        raise InputError(
            f"{argument('calibration')} asks for faces with known ratings, and no face in the manifest has one; "
            "give a table of "
            f"such faces, as {argument('calibration')} FILE, or leave {argument('calibration')} out"
        )
    rows = _spread(catalogue, plan, known)
    return {row: _reference(catalogue, tasks, row) for row in rows}


def _known(catalogue: Catalogue, tasks: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which faces have a known rating for the tasks; with `va`, faces without valence and arousal have none."""
    name = "va_origin" if "va" in tasks else "emotion_origin"
    origin = catalogue.column(name)
    known: npt.NDArray[np.bool_] = pc.fill_null(pc.not_equal(origin, PRIOR), False).to_numpy().astype(bool)
    return known


def _reference(catalogue: Catalogue, tasks: Sequence[str], row: int) -> Reference:
    emotion = catalogue.value("emotion", row) if "emotion" in tasks else None
    if "va" not in tasks:
        return Reference(str(catalogue.value("emotion_origin", row)), emotion=emotion)
    valence, arousal = (float(catalogue.value(axis, row)) for axis in ("valence", "arousal"))
    return Reference(str(catalogue.value("va_origin", row)), valence, arousal, emotion)


def _spread(catalogue: Catalogue, plan: Plan, known: npt.NDArray[np.bool_]) -> list[int]:
    drawn = draw(catalogue.keys, plan.seed, "calibration")
    emotions = catalogue.column("emotion").combine_chunks().dictionary_encode().indices.fill_null(-1)
    labels: npt.NDArray[np.int64] = emotions.to_numpy(zero_copy_only=False).astype(np.int64)
    sources = catalogue.column("source_id").combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    by_label: dict[int, list[int]] = {}
    order = np.argsort(drawn, kind="stable")
    for row in order[known[order]].tolist():
        by_label.setdefault(int(labels[row]), []).append(row)
    kinds = sorted(by_label, key=lambda label: (label < 0, label))
    count = min(plan.calibration, max(1, len(catalogue) // 10), int(known.sum()))
    chosen: list[int] = []
    used: set[int] = set()
    while len(chosen) < count:
        for kind in kinds:
            if len(chosen) == count or not by_label[kind]:
                continue
            fresh = next((row for row in by_label[kind][:200] if int(sources[row]) not in used), by_label[kind][0])
            by_label[kind].remove(fresh)
            used.add(int(sources[fresh]))
            chosen.append(fresh)
    return chosen
