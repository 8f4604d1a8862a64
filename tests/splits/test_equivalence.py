"""The groups and leaks found in whole columns are those that a slow search of all pairs finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.core.errors import InputError
from fertools.manifests.column_codes import combine, encode
from fertools.manifests.leaks import COLUMNS, find_leaks
from fertools.splits.groups import group_faces
from tests.splits.plain import plain_groups, plain_leaks, plain_subjects

CELLS = st.lists(
    st.fixed_dictionaries(
        {
            "source_id": st.sampled_from("ab"),
            "frame_index": st.integers(0, 2),
            "subject_id": st.sampled_from(["é", "t", "u", "v", "w", None]),
            "subject_origin": st.sampled_from(["video", "video", "folder"]),
            "parent": st.none() | st.integers(0, 7),
            "pair_id": st.sampled_from(["p", "q", None, None]),
            "dataset": st.sampled_from(["m", "n", None]),
            "modality": st.sampled_from(["visible", "thermal", "animated"]),
            "sequence_id": st.sampled_from(["k", None, None]),
            "fold": st.sampled_from([0, 1, None]),
            "split": st.sampled_from(["train", "test", None]),
        }
    ),
    min_size=1,
    max_size=9,
)


def _rows(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**{name: value for name, value in cell.items() if name != "parent"}, "face_id": f"f{number}"}
        | {"parent_id": None if cell["parent"] in (None, number) else f"f{cell['parent']}"}
        for number, cell in enumerate(cells)
    ]


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    kinds = {"frame_index": pa.int32(), "fold": pa.int32()}
    # Two chunks, as a table of two row groups has.
    return pa.concat_tables(
        pa.table({name: pa.array([row[name] for row in some], kinds.get(name, pa.string())) for name in COLUMNS})
        for some in (rows[: len(rows) // 2], rows[len(rows) // 2 :])
    )


@settings(deadline=None, max_examples=150)
@given(cells=CELLS, by_source=st.booleans(), copy=st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_groups_are_those_of_all_pairs(cells: list[dict[str, Any]], by_source: bool, copy: tuple[int, int]) -> None:
    rows = _rows(cells)
    copies = [copy] if copy[0] < copy[1] < len(rows) else []
    if None in plain_subjects(rows):
        with pytest.raises(InputError, match="have no subject"):
            group_faces(_table(rows))
        return
    groups, names = group_faces(
        _table(rows), "source" if by_source else "subject", np.array(copies, np.int64).reshape(-1, 2)
    )
    members = [set(np.flatnonzero(groups == number).tolist()) for number in range(len(names))]
    expected = plain_groups(rows, by_source, copies)
    assert sorted(map(sorted, members)) == sorted(map(sorted, expected))
    subjects = plain_subjects(rows)
    assert names == [min(str(subjects[row]) for row in group) for group in members]
    assert names == sorted(names)


@settings(deadline=None, max_examples=150)
@given(cells=CELLS, by_source=st.booleans())
def test_leaks_are_those_of_all_pairs(cells: list[dict[str, Any]], by_source: bool) -> None:
    rows = _rows(cells)
    assert find_leaks(_table(rows), by_source=by_source) == sorted(plain_leaks(rows, by_source))


TEXTS = st.lists(st.sampled_from(["b", "a", "é", None]))


@given(st.lists(TEXTS))
def test_codes_stand_for_the_values_in_order(chunks: list[list[str | None]]) -> None:
    column = pa.chunked_array(chunks, pa.string())
    codes, values = encode(column)
    assert values.to_pylist() == sorted({text for text in column.to_pylist() if text is not None})
    assert [None if code < 0 else values[code].as_py() for code in codes.tolist()] == column.to_pylist()
    again, same = encode(column.dictionary_encode())
    assert (again.tolist(), same.to_pylist()) == (codes.tolist(), values.to_pylist())


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2))))
def test_a_combination_is_one_code(pairs: list[tuple[int, int]]) -> None:
    columns = np.array(pairs, np.int64).reshape(-1, 2).T
    codes = combine(*columns).tolist()
    for one, first in zip(codes, pairs, strict=True):
        assert (one == -1) == (first[1] == -1)
        assert all(
            (one == other) == (first == second or first[1] == second[1] == -1)
            for other, second in zip(codes, pairs, strict=True)
        )
