"""Choose the faces of an export, and the part of the split that each one belongs to. Every face is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import calls
from fertools.core.arguments import argument
from fertools.core.errors import CheckFailed, InputError
from fertools.core.vocabulary import EMOTIONS, load_lexicon
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.leaks import find_leaks
from fertools.transfer.exports.export_options import DatasetExportOptions

WHOLE = "faces"
"""Name of the only part of a dataset that is not split."""
_BLOCK_ROWS = 1000


@dataclass(frozen=True)
class ChosenFaces:
    """The faces of an export.

    Attributes:
        table: a row per face with the columns of the manifest and `part`, sorted by part and `face_id`.
        classes: labels in the order of their numbers: the seven expressions, then other labels in the faces.
        left_out: number of faces of the manifest that are not exported, by reason.
    """

    table: pa.Table
    classes: tuple[str, ...]
    left_out: dict[str, int]

    @property
    def parts(self) -> dict[str, int]:
        """The number of faces of each part, in alphabetical order of the parts."""
        counted = pc.value_counts(self.table["part"]).to_pylist()
        return {pair["values"]: pair["counts"] for pair in sorted(counted, key=lambda pair: str(pair["values"]))}

    def blocks(
        self, part: str, rows: int = _BLOCK_ROWS, order: Sequence[str] = ("face_id",)
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of a part in lists of at most `rows` rows.

        Args:
            part: name of the part.
            rows: maximum number of rows of a list.
            order: columns that the rows are sorted by.
        """
        places = np.flatnonzero(_is(pc.equal(self.table["part"], part)))
        keys = nested.take(self.table.select(list(order)), places)
        places = places[pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in order]).to_numpy()]
        for first in range(0, len(places), rows):
            yield nested.take(self.table, places[first : first + rows]).to_pylist()

    def rows(self, part: str, order: Sequence[str] = ("face_id",)) -> Iterator[dict[str, Any]]:
        """Yield the rows of a part; see `blocks`."""
        for block in self.blocks(part, order=order):
            yield from block


def choose_faces(workspace: Workspace, options: DatasetExportOptions) -> ChosenFaces:
    """Return the kept faces that meet the conditions of the options.

    Args:
        workspace: workspace of the manifest.
        options: the conditions, and the format, which may need a label or a picture of each face.

    Raises:
        InputError: there is no manifest, a condition names what does not exist, or no face is left.
        CheckFailed: a person would be in two parts.
    """
    labels = load_lexicon(workspace.root).labels
    _refuse_unknown("emotion", options.emotion, labels)
    faces = store.read_faces(workspace)
    _refuse_unknown("dataset", options.dataset, tuple(sorted(set(faces["dataset"].to_pylist()) - {None})))
    part, kind = _parts(faces, options)
    _refuse_unknown("part", options.part, tuple(sorted(set(part) - {None})))
    emotion = faces["emotion"]
    reasons = {
        "rejected": _is(pc.not_equal(faces["status"], "kept")),
        "of another dataset": _outside(faces["dataset"], options.dataset),
        "of another emotion": _outside(emotion, options.emotion),
        f"in no {kind}": np.array([name is None for name in part], bool),
        "of another part": _outside(pa.array(part, pa.string()), options.part),
        "without a picture": _is(pc.is_null(faces["path"])) & options.has_pictures,
        "without an emotion": _is(pc.is_null(emotion)) & options.needs_emotion,
        "with an emotion that the lexicon lacks": _outside(emotion, labels) & _is(pc.is_valid(emotion)),
    }
    left_out: Counter[str] = Counter()
    chosen = np.ones(len(faces), bool)
    for reason, mask in reasons.items():
        if count := int((chosen & mask).sum()):
            left_out[reason] = count
        chosen &= ~mask
    if not chosen.any():
        counts = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it has none"
        raise InputError(f"no face of {workspace.manifest} can be exported: {counts}; change the conditions")
    table = nested.keep(faces.append_column("part", pa.array(part, pa.string())), chosen)
    _refuse_leaks(table, options)
    table = nested.in_order(table, [("part", "ascending"), ("face_id", "ascending")])
    others = set(pc.unique(table["emotion"]).to_pylist()) - {None, *EMOTIONS}
    return ChosenFaces(table, (*EMOTIONS, *sorted(others)), dict(left_out))


def _parts(faces: pa.Table, options: DatasetExportOptions) -> tuple[list[str | None], str]:
    """Return the part of each face, and what divides the faces."""
    folds, splits = faces["fold"].to_pylist(), faces["split"].to_pylist()
    known = sorted(set(folds) - {None})
    if options.test_folds:
        _refuse_unknown("test_folds", options.test_folds, known)
        tested = set(options.test_folds)
        return [None if fold is None else "test" if fold in tested else "train" for fold in folds], "fold"
    if any(splits):
        return splits, "part of the split"
    if known:
        return [None if fold is None else f"fold_{fold}" for fold in folds], "fold"
    return [WHOLE] * len(faces), "part"


def _refuse_unknown(name: str, wanted: tuple[Any, ...], known: tuple[Any, ...] | list[Any]) -> None:
    if strange := [value for value in wanted if value not in known]:
        listed = ", ".join(map(str, known)) or "none, because nothing has one"
        raise InputError(f"{argument(name)} '{strange[0]}' is not in the dataset; choose among {listed}")


def _refuse_leaks(table: pa.Table, options: DatasetExportOptions) -> None:
    """Raise CheckFailed if a person is in two parts. The parts are read again from the folds and the split."""
    if len(set(table["part"].to_pylist())) < 2:
        return
    if options.test_folds:
        # Folds of one part may share a person.
        columns = {"fold": pa.nulls(len(table), pa.int32()), "split": table["part"].combine_chunks()}
        table = store.replace_columns(table, columns)
    if leaks := find_leaks(table):
        raise CheckFailed(
            f"the parts have {len(leaks)} leaks, the first: {leaks[0]}; split again with {calls.SPLIT_ANEW}"
        )


def _is(condition: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(condition, False).to_numpy(zero_copy_only=False), bool)


def _outside(column: Any, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which values are not among the wanted ones; without any, none."""
    if not wanted:
        return np.zeros(len(column), bool)
    return ~_is(pc.is_in(column, value_set=pa.array(wanted, pa.string())))
