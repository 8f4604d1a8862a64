"""The copies that a split has joined are found again in any table of its faces."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fertools.splits.split_record import recorded_links


@pytest.mark.parametrize(
    ("faces", "links"),
    [
        (["a", "b", "c", "d"], [[0, 3], [2, 1]]),
        (["d", "c", "b", "a"], [[3, 0], [1, 2]]),
        (["x", "a", "d", "d", "a"], [[1, 2]]),
        (["a", "b"], []),
        ([], []),
    ],
)
def test_each_copy_is_the_first_row_of_its_face(faces: list[str], links: list[list[int]]) -> None:
    table = pa.chunked_array([pa.array(faces[:2], pa.string()), pa.array(faces[2:], pa.string())])
    assert recorded_links({"links": ["a d", "c b"]}, table).tolist() == links


def test_a_split_without_copies_has_no_links() -> None:
    records: list[dict[str, list[str]] | None] = [None, {}, {"links": []}]
    for record in records:
        assert recorded_links(record, pa.chunked_array([["a"]])).shape == (0, 2)
