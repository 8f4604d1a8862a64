"""Selections of the manifest: the faces that meet some conditions, as Arrow, pandas or arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import html_table
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES

if TYPE_CHECKING:
    import pandas as pd

Landmarks = Literal["lists", "array"]
"""What a cell of landmarks holds in pandas: lists of pairs, or a (5, 2) float32 array."""
_SHOWN_ROWS = 8
_SHOWN = ("face_id", "dataset", "subject_id", "emotion", "valence", "arousal", "fold", "split", "status")


@dataclass(frozen=True)
class FaceSelection:
    """Some faces of a manifest, in the order of `face_id`.

    Attributes:
        table: a row per face with every column of the manifest; see `docs/reference/manifest.md`.
        root: the workspace's folder, which the column `path` is relative to.
    """

    table: pa.Table
    root: Path

    def __len__(self) -> int:
        return len(self.table)

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """The five points of each face as N x 5 x 2 (x, y) in source pixels; NaN where unknown."""
        return _points(self.table["landmarks"])

    @property
    def paths(self) -> list[Path | None]:
        """The absolute path of each crop; None where a face has none."""
        return [None if name is None else self.root / name for name in self.table["path"].to_pylist()]

    def to_arrow(self) -> pa.Table:
        """Return the faces as an Arrow table with the manifest's schema."""
        return self.table

    def to_pandas(self, *, landmarks: Landmarks = "lists") -> pd.DataFrame:
        """Return the faces as a pandas DataFrame with the manifest's columns.

        An unknown text is None, never the text `nan`. Whole numbers stay whole where some are unknown (`Int32`). An
        unknown number with a fraction is NaN.

        Args:
            landmarks: `lists` for lists of (x, y) pairs; `array` for a (5, 2) float32 array per face, so that
                `numpy.stack(df["landmarks"])` is N x 5 x 2. Landmarks that are unknown are NaN in an array.

        Raises:
            InputError: `landmarks` is neither.
        """
        import pandas as pd

        if landmarks not in ("lists", "array"):
            raise InputError(f"{argument('landmarks')} is '{landmarks}'; choose lists or array")
        columns: dict[str, Any] = {}
        for field in self.table.schema:
            column = self.table[field.name]
            if pa.types.is_integer(field.type):
                columns[field.name] = column.to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)
            elif pa.types.is_floating(field.type) or pa.types.is_boolean(field.type):
                columns[field.name] = column.to_pandas()
            elif landmarks == "array" and field.name.startswith("landmarks"):
                columns[field.name] = pd.Series(list(_points(column)), dtype=object)
            else:
                columns[field.name] = pd.Series(column.to_pylist(), dtype=object)
        return pd.DataFrame(columns)

    def _repr_html_(self) -> str:
        first = self.table.slice(0, _SHOWN_ROWS).select(list(_SHOWN)).to_pylist()
        more = f", the first {_SHOWN_ROWS}" if len(self) > _SHOWN_ROWS else ""
        return html_table(
            f"{len(self):,} face{'' if len(self) == 1 else 's'}{more}", _SHOWN, (tuple(row.values()) for row in first)
        )


def select_rows(
    workspace: WorkspaceLike,
    *,
    emotion: str | Iterable[str] | None = None,
    modality: str | Iterable[str] | None = None,
    dataset: str | Iterable[str] | None = None,
    subject: str | Iterable[str] | None = None,
    fold: int | Iterable[int] | None = None,
    split: str | Iterable[str] | None = None,
    status: str | Iterable[str] | None = None,
) -> FaceSelection:
    """Return the faces that meet all of some conditions.

    A condition is one value or several allowed values; None is no condition.

    Args:
        workspace: workspace of the manifest, or the path of its folder.
        emotion: labels, such as `anger`.
        modality: `visible`, `thermal`, `nir` or `animated`.
        dataset: names of datasets.
        subject: identifiers of people, as in the column `subject_id`.
        fold: numbers of cross-validation folds.
        split: parts of a hold-out: `train`, `val` or `test`.
        status: `kept` or `rejected`.

    Raises:
        InputError: there is no manifest yet, or a value that its column never has.
        SchemaError: the manifest is of another schema version.

    Example:
        >>> len(select_rows("my-dataset", emotion=["anger", "fear"], status="kept"))
        8
    """
    workspace = Workspace(workspace)
    columns = {
        "emotion": ("emotion", emotion, load_lexicon(workspace.root).labels),
        "modality": ("modality", modality, _choices("modality")),
        "dataset": ("dataset", dataset, None),
        "subject": ("subject_id", subject, None),
        "fold": ("fold", fold, None),
        "split": ("split", split, _choices("split")),
        "status": ("status", status, _choices("status")),
    }
    filters = []
    for name, (column, wanted, known) in columns.items():
        if wanted is None:
            continue
        values = [wanted] if isinstance(wanted, str | int) else list(wanted)
        if name == "fold" and not all(isinstance(value, int) for value in values):
            raise InputError(f"{argument('fold')} is {values[0]!r}; give the number of a fold, such as 0")
        if strange := [value for value in values if known is not None and value not in known]:
            raise InputError(f"{argument(name)} is '{strange[0]}'; choose among {', '.join(known or ())}")
        filters.append((column, "in", values))
    return FaceSelection(store.read_faces(workspace, filters=filters or None), workspace.root)


def _choices(name: str) -> Sequence[str] | None:
    return next(column.choices for column in FACES.columns if column.name == name)


def _points(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Return a column of five points as N x 5 x 2; NaN where null."""
    # A null cell of a list has whatever numbers below it.
    table = nested.unsliced(pa.table({"points": column})).combine_chunks()
    cells = table["points"].to_pylist()
    return np.array([np.full((5, 2), np.nan) if cell is None else cell for cell in cells], np.float32).reshape(-1, 5, 2)
