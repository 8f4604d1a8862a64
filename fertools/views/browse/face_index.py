"""The columns of all faces in memory, encoded so that filtering a million faces takes milliseconds."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.column_codes import dictionary_of
from fertools.views.conditions import NO_VALUE, NUMBERS, TEXTS, FaceConditions
from fertools.views.dataset_columns import DatasetColumns
from fertools.views.stats import QUALITY

ORDERS = ("emotion", "subject", "source", *NUMBERS)
"""What faces may be sorted by."""
LISTED_VALUES = 40
"""Most values of a column with their counts in a result."""
_ENCODED = (*TEXTS.values(), "reason")
COLUMNS = ("face_id", "path", *_ENCODED, *dict.fromkeys((*NUMBERS, *QUALITY, "frame_index")), "interpolated")
"""Columns of the index."""
_SORTED_BY = {
    "emotion": ("emotion", "subject_id", "source_id", "frame_index"),
    "subject": ("subject_id", "source_id", "frame_index"),
    "source": ("source_id", "track_id", "frame_index"),
}

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class FaceQuery:
    """Which faces, and in what order.

    Attributes:
        conditions: conditions that must all hold.
        order: what the faces are sorted by, one of `ORDERS`. Faces without a value come last.
        descending: whether the largest value comes first.

    Raises:
        InputError: there is no such order.
    """

    conditions: FaceConditions
    order: str = "emotion"
    descending: bool = False

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise InputError(f"{argument('order')} is '{self.order}'; choose among {', '.join(ORDERS)}")


@dataclass(frozen=True)
class FoundFaces:
    """The faces that meet a query.

    Attributes:
        places: (N,) int32; row numbers of the faces, in the order of the query.
        counts: number of faces by value, for each text condition. The condition's own values do not limit its counts,
            so they say what another choice would give. Of a column with more than 40 values the most frequent are
            listed, of another one all.
    """

    places: NDArray[np.int32]
    counts: dict[str, dict[str, int]]


class FaceIndex:
    """All faces of a manifest, to filter and to sort.

    Args:
        table: the faces, sorted by `face_id`, with the columns that `read_index` reads.
    """

    def __init__(self, table: pa.Table) -> None:
        columns = [dictionary_of(table[name]) if name in _ENCODED else table[name] for name in COLUMNS]
        self._table = pa.table(columns, names=list(COLUMNS)).combine_chunks()
        self._ids = self._table["face_id"].chunk(0) if len(table) else pa.array([], pa.string())
        self._words = {name: _dictionary(self._table[name]) for name in _ENCODED}
        self._codes = {name: _codes(self._table[name], len(self._words[name])) for name in _ENCODED}
        self._masks: _Recent[str, NDArray[np.bool_]] = _Recent(64)
        self._orders: _Recent[tuple[str, bool], NDArray[np.int32]] = _Recent(6)
        self._found: _Recent[tuple[str, str, bool], FoundFaces] = _Recent(12)
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._table)

    def find(self, query: FaceQuery) -> FoundFaces:
        """Return the faces that meet a query. What it computes for a condition is kept for the next query."""
        with self._lock:
            key = (repr(query.conditions), query.order, query.descending)
            return self._found.get(key, lambda: self._find(query))

    def columns(self, conditions: FaceConditions) -> DatasetColumns:
        """Return the columns of the faces that meet some conditions."""
        with self._lock:
            mask = self._whole([self._mask(part) for part in conditions.parts()])
        return DatasetColumns(self._table.column, mask)

    def rows(self, places: NDArray[np.int32], names: Sequence[str]) -> list[dict[str, Any]]:
        """Return some columns of the faces at some places."""
        rows: list[dict[str, Any]] = self._table.select(list(names)).take(pa.array(places)).to_pylist()
        return rows

    def place_of(self, face_id: str) -> int | None:
        """Return the row number of a face; None if there is no such face."""
        place = bisect_left(range(len(self._ids)), face_id, key=lambda number: self._ids[number].as_py())
        return place if place < len(self._ids) and self._ids[place].as_py() == face_id else None

    def track_of(self, place: int) -> NDArray[np.int32]:
        """Return the row numbers of the track of a face in the order of frames: its own for a face without a track."""
        track = self._table["track_id"][place].as_py()
        if track is None:
            return np.array([place], np.int32)
        codes = self._codes["source_id"]
        own = np.flatnonzero(codes == codes[place])
        tracks = pc.fill_null(self._table["track_id"].take(pa.array(own)), -1).to_numpy()
        own = own[tracks == track]
        frames = self._table["frame_index"].take(pa.array(own)).to_numpy()
        return np.asarray(own[np.argsort(frames, kind="stable")], np.int32)

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest value of each column of numbers that has values."""
        found = {name: pc.min_max(self._table[name]).as_py() for name in NUMBERS}
        return {name: (ends["min"], ends["max"]) for name, ends in found.items() if ends["min"] is not None}

    def _find(self, query: FaceQuery) -> FoundFaces:
        masks = {part.columns[0]: self._mask(part) for part in query.conditions.parts()}
        whole = self._whole(list(masks.values()))
        counts = {}
        for name, column in TEXTS.items():
            others = [mask for own, mask in masks.items() if own != column]
            mask = self._whole(others) if column in masks else whole
            counts[name] = self._count(column, mask, getattr(query.conditions, name))
        order = self._order(query.order, query.descending)
        return FoundFaces(order if whole is None else order[whole[order]], counts)

    def _mask(self, part: FaceConditions) -> NDArray[np.bool_]:
        return self._masks.get(repr(part), lambda: part.mask(self._table))

    @staticmethod
    def _whole(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_] | None:
        return np.logical_and.reduce(masks) if masks else None

    def _count(self, column: str, mask: NDArray[np.bool_] | None, wanted: Sequence[str]) -> dict[str, int]:
        words, codes = [*self._words[column], NO_VALUE], self._codes[column]
        found = np.bincount(codes if mask is None else codes[mask], minlength=len(words))
        if len(words) <= LISTED_VALUES:
            whole = np.bincount(codes, minlength=len(words)) if mask is not None else found
            listed = sorted(np.flatnonzero(whole).tolist(), key=lambda place: (place == len(words) - 1, words[place]))
        else:
            most = np.argsort(-found, kind="stable")[:LISTED_VALUES].tolist()
            chosen = [words.index(value) for value in wanted if value in words]
            listed = [place for place in dict.fromkeys((*chosen, *most)) if found[place] or place in chosen]
        return {words[place]: int(found[place]) for place in listed}

    def _order(self, name: str, descending: bool) -> NDArray[np.int32]:
        return self._orders.get((name, descending), lambda: self._sort(name, descending))

    def _sort(self, name: str, descending: bool) -> NDArray[np.int32]:
        if name in _SORTED_BY:
            first, *rest = (self._ranks(column) for column in _SORTED_BY[name])
            if descending:
                # Faces without a value have the highest rank and stay last.
                first = np.where(first < len(self._words[_SORTED_BY[name][0]]), -first, first)
            return np.lexsort([*reversed(rest), first]).astype(np.int32)
        base = self._order("emotion", False)
        values = self._table[name].cast(pa.float64()).to_numpy()[base]
        return base[np.argsort(-values if descending else values, kind="stable")]

    def _ranks(self, column: str) -> NDArray[np.int64]:
        """Return numbers that sort as a column does, the highest for a null."""
        if column not in _ENCODED:
            values = self._table[column]
            return np.asarray(pc.fill_null(values, 2**31 - 1).to_numpy(), np.int64)
        words = self._words[column]
        ranks = np.empty(len(words) + 1, np.int64)
        ranks[np.argsort(np.array(words, np.str_), kind="stable")] = np.arange(len(words))
        ranks[-1] = len(words)
        return ranks[self._codes[column]]


def read_index(workspace: Workspace) -> FaceIndex:
    """Return the index of a manifest.

    Raises:
        InputError: there is no manifest.
        SchemaError: the manifest is damaged or of another schema version.
    """
    return FaceIndex(store.read_faces(workspace, COLUMNS))


class _Recent(Generic[Key, Value]):
    """The values that were used last, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        if key not in self._values:
            value = compute()
            while len(self._values) >= self._most:
                self._values.popitem(last=False)
            self._values[key] = value
        self._values.move_to_end(key)
        return self._values[key]


def _dictionary(column: pa.ChunkedArray) -> list[str]:
    words: list[str] = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    return words


def _codes(column: pa.ChunkedArray, null: int) -> NDArray[np.int32]:
    """Return the place of each cell in the dictionary, and `null` for a null."""
    if not column.num_chunks:
        return np.zeros(0, np.int32)
    return np.asarray(column.chunk(0).indices.fill_null(null).to_numpy(zero_copy_only=False), np.int32)
