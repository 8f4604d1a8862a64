"""Predictions per face: the one table that every figure of an evaluation is computed from.

`predictions.parquet` has a row per tested face: who and what it is, what is true, and what a model said. The names of
the classes, in the order of their probabilities, and what the model of each fold was trained on are kept in the file's
own metadata, so that baselines need nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import InputError, SchemaError
from fertools.core.explain import reading
from fertools.core.parquet import read_parquet
from fertools.training.runs.folder import PREDICTIONS_NAME

CONTEXT = ("dataset", "modality", "face_px", "blur", "brightness", "yaw_deg")
"""Columns of the manifest that results are broken down by."""
_VERSION, _VERSION_KEY, _META_KEY = b"1", b"fertools.predictions_version", b"fertools.predictions"
_TEXT, _F32 = pa.string(), pa.float32()
_TYPES = {"dataset": _TEXT, "modality": _TEXT}
_FIXED = (
    pa.field("face_id", _TEXT, nullable=False),
    pa.field("subject_id", _TEXT),
    pa.field("fold", pa.int32(), nullable=False),
    pa.field("emotion", _TEXT),
    pa.field("valence", _F32),
    pa.field("arousal", _F32),
    *(pa.field(name, _TYPES.get(name, _F32)) for name in CONTEXT),
    pa.field("valence_predicted", _F32),
    pa.field("arousal_predicted", _F32),
)
_ANEW = "train again to write it anew"
_TOLERANCE = 1e-3
"""How far the probabilities of a face may be from a sum of 1: half precision has about three digits."""

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class TrainingSummary:
    """What the model that predicted a fold had been trained on.

    Attributes:
        faces: how many.
        emotions: faces by class.
        valence: mean over the faces that have it; None where none has.
        arousal: likewise.
    """

    faces: int
    emotions: Mapping[str, int]
    valence: float | None
    arousal: float | None


@dataclass(frozen=True)
class Predictions:
    """What a model said of faces that it was not trained on.

    Attributes:
        table: a row per face, sorted by `face_id`: `face_id`, `subject_id`, `fold`; the truth `emotion`, `valence`,
            `arousal`, null where unknown; the columns of CONTEXT; `valence_predicted` and `arousal_predicted`, null
            where the model does not predict them; and `p_<class>` for each class.
        classes: names of the classes in the order of the columns; empty where the model does not classify.
        trained: by fold.
    """

    table: pa.Table
    classes: tuple[str, ...]
    trained: Mapping[int, TrainingSummary]

    def probabilities(self) -> NDArray[np.float64]:
        """Return N x C probabilities in the order of `classes`."""
        columns = [self.table[f"p_{name}"].to_numpy() for name in self.classes]
        return np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((len(self.table), 0))

    def labels(self) -> NDArray[np.int64]:
        """Return N true classes as positions in `classes`; -1 where the truth is unknown or no class of the model."""
        indices = pc.index_in(self.table["emotion"], value_set=pa.array(self.classes, _TEXT))
        return np.asarray(pc.fill_null(indices, -1).to_numpy(), np.int64)

    def folds(self) -> NDArray[np.int64]:
        """Return the fold of each face."""
        return np.asarray(self.table["fold"].to_numpy(), np.int64)

    def groups(self) -> list[str]:
        """Return whom each face shows; a face of an unknown person is a group by itself."""
        pairs = zip(self.table["subject_id"].to_pylist(), self.table["face_id"].to_pylist(), strict=True)
        return [subject if subject is not None else f"face {face}" for subject, face in pairs]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers; NaN where null."""
        return np.asarray(self.table[name].to_numpy(), np.float64)


def make_predictions(
    tested: pa.Table,
    trained: pa.Table,
    *,
    fold: int | None = 0,
    classes: Sequence[str] = (),
    probabilities: Floats | None = None,
    valence_arousal: Floats | None = None,
) -> Predictions:
    """Return the predictions of one fold's model.

    Args:
        tested: N rows of the manifest, in the order of what was predicted.
        trained: rows of the manifest that the model was fitted to.
        fold: the fold that `tested` is; 0 for a hold-out; None where `tested` is of several folds, which it names.
        classes: C names, in the order of the probabilities' columns.
        probabilities: N x C in [0, 1], each row with the sum 1; None where the model does not classify.
        valence_arousal: N x 2; None where the model does not predict them.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, rows that are no probabilities, or nothing
            predicted at all.

    Example:
        >>> rows = pa.table({"face_id": ["a"], "subject_id": ["s"], "emotion": ["fear"]})
        >>> made = make_predictions(rows, rows, classes=("fear", "anger"), probabilities=np.array([[0.75, 0.25]]))
        >>> made.probabilities().tolist(), made.labels().tolist()
        ([[0.75, 0.25]], [0])
    """
    count, classes = len(tested), tuple(classes)
    if probabilities is None and valence_arousal is None:
        raise ValueError("predictions need probabilities, valence and arousal, or both")
    columns = {field.name: _column(tested, field) for field in _FIXED}
    folds = [fold] * count if fold is not None else tested["fold"].to_pylist()
    columns["fold"] = pa.array(folds, pa.int32())
    if valence_arousal is not None:
        valence_arousal = _checked(valence_arousal, (count, 2), "valence and arousal")
        columns["valence_predicted"], columns["arousal_predicted"] = (
            pa.array(valence_arousal[:, axis]) for axis in (0, 1)
        )
    if probabilities is not None:
        probabilities = _checked(probabilities, (count, len(classes)), "probabilities")
        if (
            not classes
            or probabilities.min(initial=0) < 0
            or np.abs(probabilities.sum(axis=1) - 1).max(initial=0) > _TOLERANCE
        ):
            raise ValueError("each face needs a probability from 0 to 1 for every class, with the sum 1")
        columns |= {f"p_{name}": pa.array(probabilities[:, index]) for index, name in enumerate(classes)}
    elif classes:
        raise ValueError("classes are named, but there are no probabilities")
    table = pa.table([columns[field.name] for field in _schema(classes)], schema=_schema(classes))
    of_folds = sorted(set(folds)) if fold is None else [fold]
    described = dict.fromkeys(of_folds, summarise_training(trained))
    return Predictions(table.sort_by("face_id").combine_chunks(), classes, described)


def summarise_training(rows: pa.Table) -> TrainingSummary:
    """Return what `trained` of Predictions says of rows of the manifest."""
    counts = Counter(name for name in rows["emotion"].to_pylist() if name is not None)
    means = {
        name: pc.mean(rows[name]).as_py() if name in rows.column_names else None for name in ("valence", "arousal")
    }
    return TrainingSummary(faces=len(rows), emotions=dict(sorted(counts.items())), **means)


def join_predictions(parts: Iterable[Predictions]) -> Predictions:
    """Return the predictions of several folds as one.

    Raises:
        InputError: there are none, or they differ in their classes, or a face or a fold is in two of them.
    """
    parts = list(parts)
    if not parts:
        raise InputError("there are no predictions to put together; train first")
    classes = parts[0].classes
    if differing := [part for part in parts if part.classes != classes]:
        raise InputError(
            f"predictions of the classes {', '.join(classes) or '(none)'} cannot be put together with those of "
            f"{', '.join(differing[0].classes) or '(none)'}; evaluate them one by one"
        )
    folds = Counter(fold for part in parts for fold in part.trained)
    table = pa.concat_tables([part.table for part in parts]).sort_by("face_id").combine_chunks()
    if len(folds) < folds.total() or pc.count_distinct(table["face_id"]).as_py() < len(table):
        raise InputError("a face or a fold is predicted twice; put together predictions of different folds of one run")
    return Predictions(table, classes, {fold: entry for part in parts for fold, entry in part.trained.items()})


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions to `path` atomically; the same predictions give the same bytes.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    meta = {
        "classes": predictions.classes,
        "trained": {str(fold): asdict(entry) for fold, entry in sorted(predictions.trained.items())},
    }
    coded = json.dumps(meta, ensure_ascii=False).encode()
    table = predictions.table.replace_schema_metadata({_VERSION_KEY: _VERSION, _META_KEY: coded})
    with files.replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_predictions(path: Path) -> Predictions:
    """Return what `write_predictions` wrote.

    Raises:
        InputError: there is no such file.
        SchemaError: it is no table of predictions, or one of another version.
    """
    if not path.is_file():
        raise InputError(f"there are no predictions at {path}; finish the run that writes them")
    table = read_parquet(path, remedy=_ANEW)
    found = table.schema.metadata or {}
    if found.get(_VERSION_KEY) != _VERSION:
        raise SchemaError(
            f"{path} is no table of predictions of version {_VERSION.decode()}; give a {PREDICTIONS_NAME} that this "
            "fertools wrote"
        )
    with reading(path, "is damaged", _ANEW):
        meta = json.loads(found[_META_KEY])
        classes = tuple(map(str, meta["classes"]))
        trained = {int(fold): TrainingSummary(**entry) for fold, entry in meta["trained"].items()}
    if not table.schema.equals(_schema(classes)):
        raise SchemaError(f"{path} has other columns than a table of predictions; train again to write it anew")
    return Predictions(table.replace_schema_metadata(None), classes, trained)


def _schema(classes: Sequence[str]) -> pa.Schema:
    return pa.schema([*_FIXED, *(pa.field(f"p_{name}", _F32, nullable=False) for name in classes)])


def _column(rows: pa.Table, field: pa.Field) -> pa.Array:
    """Return a column of the manifest as it is kept here; nulls where these rows do not have it."""
    if field.name not in rows.column_names:
        return pa.nulls(len(rows), field.type)
    return rows[field.name].cast(field.type).combine_chunks()


def _checked(values: Floats, shape: tuple[int, int], what: str) -> NDArray[np.float32]:
    array = np.asarray(values, np.float32)
    if array.shape != shape:
        raise ValueError(f"{what} have the shape {array.shape}, and {shape} is needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} that are not finite cannot be kept")
    return array
