"""Conditions on faces: which rows of the manifest a view shows, computed in Arrow by column."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.manifests.schema import FACES, STATUSES

TEXTS = {
    "emotion": "emotion",
    "dataset": "dataset",
    "modality": "modality",
    "subject": "subject_id",
    "source": "source_id",
    "split": "split",
    "status": "status",
}
"""Columns of the conditions that list allowed values."""
NUMBERS = (
    *("valence", "arousal", "intensity", "face_px", "blur", "brightness", "yaw_deg", "pitch_deg", "roll_deg"),
    *("det_score", "crop_coverage", "pts_s", "fold", "track_id"),
)
"""Columns that a range may limit."""
NO_VALUE = "none"
"""The word for an empty cell, such as the emotion of a face without one."""
_CHOICES = {column.name: column.choices for column in FACES.columns}


@dataclass(frozen=True)
class FaceConditions:
    """Conditions that must all hold for a face. An empty condition allows every face.

    The word `none` stands for an empty cell: `emotion=("none",)` selects faces without an expression.

    Attributes:
        emotion: allowed expressions.
        dataset: allowed names of datasets.
        modality: allowed modalities: `visible`, `thermal`, `nir` or `animated`.
        subject: allowed people, as in the column `subject_id`.
        source: allowed sources: identifiers, as in the column `source_id`.
        split: allowed parts of a hold-out: `train`, `val` or `test`.
        status: allowed states: `kept` or `rejected`.
        ranges: lowest and highest value by column, both included; None is open. A null is in no range.

    Raises:
        InputError: a value that its column never has, an unknown column, or a range whose lowest value is above the
            highest.

    Example:
        >>> FaceConditions(emotion=("anger",), ranges={"yaw_deg": (-20, 20)}).columns
        ('emotion', 'status', 'yaw_deg')
    """

    emotion: tuple[str, ...] = ()
    dataset: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    status: tuple[str, ...] = ("kept",)
    ranges: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column, wanted in self._texts():
            choices = _CHOICES[column]
            unknown = [value for value in wanted if choices is not None and value not in (*choices, NO_VALUE)]
            if unknown:
                raise InputError(f"{argument(name)} is '{unknown[0]}'; choose among {', '.join(choices or ())}")
        for name, (low, high) in self.ranges.items():
            if name not in NUMBERS:
                raise InputError(f"{argument('ranges')} names the column '{name}'; choose among {', '.join(NUMBERS)}")
            if any(limit is not None and not math.isfinite(limit) for limit in (low, high)):
                raise InputError(f"{argument('ranges')} of {name} is not finite; leave an open end out")
            if low is not None and high is not None and low > high:
                raise InputError(f"{argument('ranges')} of {name} is {low:g} to {high:g}; give the lowest value first")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that decide."""
        return (*(column for _, column, wanted in self._texts() if wanted), *self.ranges)

    def parts(self) -> tuple[FaceConditions, ...]:
        """Return one condition per column. A face meets all conditions if it meets every part.

        Example:
            >>> [part.columns for part in FaceConditions(emotion=("anger",), ranges={"blur": (100, None)}).parts()]
            [('emotion',), ('status',), ('blur',)]
        """
        none = FaceConditions(status=())
        texts = (replace(none, **{name: wanted}) for name, _, wanted in self._texts() if wanted)  # type: ignore[arg-type]
        ranges = (replace(none, ranges={name: limits}) for name, limits in self.ranges.items())
        return (*texts, *ranges)

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Return whether each face meets all conditions, as N booleans.

        Args:
            table: N rows with at least `columns`; text may be dictionary-encoded.
        """
        found = np.ones(len(table), np.bool_)
        for _, column, wanted in self._texts():
            if wanted:
                found &= _is_one_of(table[column], wanted)
        for name, (low, high) in self.ranges.items():
            values = table[name]
            for limit, compare in ((low, pc.greater_equal), (high, pc.less_equal)):
                if limit is not None:
                    found &= _booleans(compare(values, pa.scalar(limit, pa.float64())))
            found &= _booleans(pc.is_valid(values))
        return found

    def _texts(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for name, column in TEXTS.items():
            yield name, column, getattr(self, name)


EVERY_FACE = FaceConditions(status=STATUSES)
"""No condition: rejected faces, too."""


def _is_one_of(column: pa.ChunkedArray, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    values = pa.array([None if value == NO_VALUE else value for value in wanted], pa.string())
    if pa.types.is_dictionary(column.type):
        parts = []
        for chunk in column.chunks:
            # One answer per word of the dictionary, and one more for a null, which has the last index.
            answers = _booleans(pc.is_in(chunk.dictionary, value_set=values))
            indices = chunk.indices.fill_null(len(answers)).to_numpy(zero_copy_only=False)
            parts.append(np.append(answers, NO_VALUE in wanted)[indices])
        return np.concatenate(parts) if parts else np.zeros(0, np.bool_)
    return _booleans(pc.is_in(column, value_set=values))


def _booleans(values: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), np.bool_)
