"""Rows of nested lists, taken from tables in every layout that pyarrow makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from tests.manifests.rows import face

COUNT = 400
ROWS = [face(f"{n}", frame=n, landmarks=[[n + 0.25 * k, n - 0.25 * k] for k in range(5)]) for n in range(COUNT)]


def _whole() -> pa.Table:
    return pa.Table.from_pylist(ROWS, schema=FACES.arrow)


def _child_sliced() -> pa.Table:
    """Return a table whose landmarks begin at their array's start, but inside another's."""
    table = _whole()
    points = table["landmarks"].combine_chunks().values
    inside = pa.concat_arrays([points.slice(0, 15), points]).slice(15)
    return table.set_column(
        table.schema.get_field_index("landmarks"),
        table.schema.field("landmarks"),
        pa.FixedSizeListArray.from_arrays(inside, 5),
    )


def _with_names_in_two_chunks(table: pa.Table) -> pa.Table:
    names = table["face_id"].combine_chunks()
    return table.set_column(0, table.schema.field(0), pa.chunked_array([names[:7], names[7:]]))


LAYOUTS: dict[str, tuple[Callable[[], pa.Table], slice]] = {
    "whole": (_whole, slice(0, COUNT)),
    "a slice": (lambda: _whole().slice(130, 200), slice(130, 330)),
    "two chunks": (lambda: pa.concat_tables([_whole().slice(0, 130), _whole().slice(130)]), slice(0, COUNT)),
    "columns chunked differently": (lambda: _with_names_in_two_chunks(_whole()), slice(0, COUNT)),
    "a sliced child": (_child_sliced, slice(0, COUNT)),
}
LAYOUT = pytest.mark.parametrize(("make", "part"), LAYOUTS.values(), ids=LAYOUTS.keys())


def _right(table: pa.Table, rows: list[dict[str, Any]]) -> bool:
    columns = ("face_id", "landmarks", "matrix", "box")
    return bool(table.select(columns).to_pylist() == [{name: row[name] for name in columns} for row in rows])


@LAYOUT
def test_rows_are_taken_kept_and_sorted_rightly(make: Callable[[], pa.Table], part: slice) -> None:
    table, rows = make(), ROWS[part]
    order = np.random.default_rng(0).permutation(len(rows))
    assert _right(nested.take(table, order), [rows[place] for place in order])
    mask = order % 3 == 0
    chunked = pa.chunked_array([pa.array(mask[:61]), pa.array(mask[61:])])
    expected = [row for row, kept in zip(rows, mask, strict=True) if kept]
    assert _right(nested.keep(table, mask), expected)
    assert _right(nested.keep(table, chunked), expected)
    backwards = nested.in_order(table, [("face_id", "descending")])
    assert _right(backwards, sorted(rows, key=lambda row: str(row["face_id"]), reverse=True))


@LAYOUT
def test_a_table_in_any_layout_is_written_rightly(tmp_path: Path, make: Callable[[], pa.Table], part: slice) -> None:
    store.write_table(tmp_path / "faces.parquet", FACES, make())
    back = store.read_table(tmp_path / "faces.parquet", FACES)
    assert _right(back, sorted(ROWS[part], key=lambda row: str(row["face_id"])))


def test_null_is_no_row() -> None:
    mask = pa.array([True, None] * (COUNT // 2))
    assert _right(nested.keep(_whole(), mask), ROWS[::2])


def test_rows_of_a_file_with_one_large_row_group_are_filtered_rightly(tmp_path: Path) -> None:
    """pyarrow reads such a file in slices of 131,072 rows; another program may have written it."""
    count = 140_000
    numbers = np.arange(count)
    names = pa.array([f"{number:032x}" for number in range(count)])
    points = pa.array(np.repeat(numbers, 10).astype(np.float32))
    columns = {
        "face_id": names,
        "source_id": names,
        "frame_index": pa.array(numbers, pa.int32()),
        "landmarks": pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(points, 2), 5),
        "modality": pa.array(["visible"]).take(pa.array(np.zeros(count, np.int64))),
        "status": pa.array(["kept", "rejected"]).take(pa.array(numbers % 2)),
        "interpolated": pa.array(np.zeros(count, bool)),
    }
    table = pa.table([columns.get(field.name, pa.nulls(count, field.type)) for field in FACES.arrow], FACES.arrow)
    pq.write_table(table, tmp_path / "faces.parquet", row_group_size=count)
    back = store.read_table(
        tmp_path / "faces.parquet", FACES, ["landmarks", "frame_index"], [("status", "=", "kept")]
    ).combine_chunks()
    assert back.column_names == ["landmarks", "frame_index"]
    assert back["frame_index"].to_pylist() == list(range(0, count, 2))
    values = back["landmarks"].chunk(0).flatten().flatten().to_numpy().reshape(-1, 10)
    np.testing.assert_array_equal(values, np.repeat(np.arange(0, count, 2), 10).reshape(-1, 10))
