"""Predictions per face: the table that all metrics of an evaluation are computed from.

`predictions.parquet` has a row per test face with its subject, its labels and its predictions. The metadata of the file
has the names of the classes in the order of the probabilities. It also has a summary of the training faces of each
fold, so that the baselines need nothing else.
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
_VERSION, _VERSION_KEY, _META_KEY = b"2", b"fertools.predictions_version", b"fertools.predictions"
_TEXT, _F32 = pa.string(), pa.float32()
_TYPES = {"dataset": _TEXT, "modality": _TEXT}
_FIXED = (
    pa.field("face_id", _TEXT, nullable=False),
    pa.field("subject_id", _TEXT),
    pa.field("fold", pa.int32(), nullable=False),
    pa.field("run", _TEXT),
    pa.field("sequence", _TEXT),
    pa.field("frame_index", pa.int32()),
    pa.field("emotion", _TEXT),
    pa.field("valence", _F32),
    pa.field("arousal", _F32),
    *(pa.field(name, _TYPES.get(name, _F32)) for name in CONTEXT),
    pa.field("valence_predicted", _F32),
    pa.field("arousal_predicted", _F32),
)
_REMEDY = "train again to write it again"
_TOLERANCE = 1e-3
"""Largest difference from 1 of the sum of a face's probabilities; half precision has about three digits."""

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class TrainingSummary:
    """A summary of the training faces of a fold's model.

    Attributes:
        faces: number of faces.
        emotions: number of faces by class.
        valence: mean valence of the faces that have it; None without such faces.
        arousal: mean arousal of the faces that have it; None without such faces.
    """

    faces: int
    emotions: Mapping[str, int]
    valence: float | None
    arousal: float | None


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for faces that it was not trained on.

    Attributes:
        table: a row per face, sorted by `face_id`. The columns `face_id`, `subject_id`, `fold` and those of CONTEXT
            describe the face. `run` is the run that predicts. `sequence` names the take that the face is a frame of,
            and `frame_index` the frame; both are null for a single picture, see `fertools.training.data.sequences`. The
            labels are `emotion`, `valence` and `arousal`, null where unknown. The predictions are `p_<class>` for each
            class, and `valence_predicted` and `arousal_predicted`, null if the model does not predict them.
        classes: names of the classes in the order of the columns; empty if the model does not classify.
        trained: summary of the training faces, by fold.
    """

    table: pa.Table
    classes: tuple[str, ...]
    trained: Mapping[int, TrainingSummary]

    def probabilities(self) -> NDArray[np.float64]:
        """Return N x C probabilities in the order of `classes`."""
        columns = [self.table[f"p_{name}"].to_numpy() for name in self.classes]
        return np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((len(self.table), 0))

    def labels(self) -> NDArray[np.int64]:
        """Return N labels as indices into `classes`; -1 where the label is unknown or not a class of the model."""
        indices = pc.index_in(self.table["emotion"], value_set=pa.array(self.classes, _TEXT))
        return np.asarray(pc.fill_null(indices, -1).to_numpy(), np.int64)

    def folds(self) -> NDArray[np.int64]:
        """Return the fold of each face."""
        return np.asarray(self.table["fold"].to_numpy(), np.int64)

    def groups(self) -> list[str]:
        """Return the person of each face; each face of an unknown person is its own group."""
        pairs = zip(self.table["subject_id"].to_pylist(), self.table["face_id"].to_pylist(), strict=True)
        return [subject if subject is not None else f"face {face}" for subject, face in pairs]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a numeric column; NaN where it is null."""
        return np.asarray(self.table[name].to_numpy(), np.float64)


def make_predictions(
    tested: pa.Table,
    trained: pa.Table,
    *,
    fold: int | None = 0,
    run: str = "",
    classes: Sequence[str] = (),
    probabilities: Floats | None = None,
    valence_arousal: Floats | None = None,
) -> Predictions:
    """Return the predictions of one fold's model.

    Args:
        tested: N rows of the manifest, in the order of the predictions. They may have `sequence` as a further column.
        trained: rows of the manifest that the model was trained on.
        fold: fold of the test faces; 0 for a hold-out; None for several folds, named by the column `fold`.
        run: name of the run that predicts, as `SYSTEM/RUN`; empty for none.
        classes: names of the C classes, in the order of the probabilities.
        probabilities: N x C in [0, 1], each row with the sum 1; None if the model does not classify.
        valence_arousal: N x 2; None if the model does not predict them.

    Raises:
        ValueError: shapes do not fit, numbers are not finite, rows are not probabilities, or there are no predictions.

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
    columns["run"] = pa.array([run or None] * count, _TEXT)
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
    """Return the summary of training faces, given as rows of the manifest."""
    counts = Counter(name for name in rows["emotion"].to_pylist() if name is not None)
    means = {
        name: pc.mean(rows[name]).as_py() if name in rows.column_names else None for name in ("valence", "arousal")
    }
    return TrainingSummary(faces=len(rows), emotions=dict(sorted(counts.items())), **means)


def join_predictions(parts: Iterable[Predictions]) -> Predictions:
    """Return the predictions of several folds as one.

    Args:
        parts: predictions of each fold.

    Raises:
        InputError: there are none, their classes differ, or a face or a fold is in two of them.
    """
    parts = list(parts)
    if not parts:
        raise InputError("there are no predictions to combine; train first")
    classes = parts[0].classes
    if differing := [part for part in parts if part.classes != classes]:
        raise InputError(
            f"predictions of the classes {', '.join(classes) or '(none)'} cannot be combined with those of "
            f"{', '.join(differing[0].classes) or '(none)'}; evaluate them one by one"
        )
    folds = Counter(fold for part in parts for fold in part.trained)
    table = pa.concat_tables([part.table for part in parts]).sort_by("face_id").combine_chunks()
    if len(folds) < folds.total() or pc.count_distinct(table["face_id"]).as_py() < len(table):
        raise InputError("a face or a fold is predicted twice; combine predictions of different folds of one run")
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
    """Return the predictions that `write_predictions` wrote.

    Raises:
        InputError: there is no such file.
        SchemaError: it is not a table of predictions of this version.
    """
    if not path.is_file():
        raise InputError(f"there are no predictions at {path}; finish the run that writes them")
    table = read_parquet(path, remedy=_REMEDY)
    found = table.schema.metadata or {}
    if found.get(_VERSION_KEY) != _VERSION:
        raise SchemaError(
            f"{path} is not a table of predictions of version {_VERSION.decode()}; give a {PREDICTIONS_NAME} that this "
            "fertools wrote"
        )
    with reading(path, "is damaged", _REMEDY):
        meta = json.loads(found[_META_KEY])
        classes = tuple(map(str, meta["classes"]))
        trained = {int(fold): TrainingSummary(**entry) for fold, entry in meta["trained"].items()}
    if not table.schema.equals(_schema(classes)):
        raise SchemaError(f"{path} has other columns than a table of predictions; {_REMEDY}")
    return Predictions(table.replace_schema_metadata(None), classes, trained)


def _schema(classes: Sequence[str]) -> pa.Schema:
    return pa.schema([*_FIXED, *(pa.field(f"p_{name}", _F32, nullable=False) for name in classes)])


def _column(rows: pa.Table, field: pa.Field) -> pa.Array:
    """Return a column of the manifest in the type of the predictions; nulls if the rows do not have it."""
    if field.name not in rows.column_names:
        return pa.nulls(len(rows), field.type)
    return rows[field.name].cast(field.type).combine_chunks()


def _checked(values: Floats, shape: tuple[int, int], what: str) -> NDArray[np.float32]:
    array = np.asarray(values, np.float32)
    if array.shape != shape:
        raise ValueError(f"{what} have the shape {array.shape}, and {shape} is needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} that are not finite cannot be stored")
    return array
