"""The index of the browse page, held to the same filters, counts and orders of pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fertools.core.errors import InputError
from fertools.views.browse.face_index import LISTED_VALUES, FaceIndex, FaceQuery
from fertools.views.conditions import EVERY_FACE, NO_VALUE, TEXTS, FaceConditions
from fertools.views.dataset_columns import encode
from tests.views.made_index import made_table

CONDITIONS = (
    FaceConditions(),
    FaceConditions(emotion=("anger", NO_VALUE), dataset=("web",), split=("test",)),
    FaceConditions(status=(), subject=("subject_id-000007",), ranges={"blur": (-0.5, None), "yaw_deg": (-1, 1)}),
)


@pytest.fixture(scope="module")
def index() -> FaceIndex:
    return FaceIndex(made_table(6000))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    found: pd.DataFrame = made_table(6000).to_pandas()
    return found


def _chosen(table: pd.DataFrame, conditions: FaceConditions, left_out: str = "") -> pd.Series:
    found = pd.Series(True, table.index)
    for name, column in TEXTS.items():
        if (wanted := getattr(conditions, name)) and name != left_out:
            found &= table[column].fillna(NO_VALUE).isin(wanted)
    for column, (low, high) in conditions.ranges.items():
        found &= table[column].between(-np.inf if low is None else low, np.inf if high is None else high)
    return found


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_faces_and_counts_are_those_of_pandas(
    index: FaceIndex, table: pd.DataFrame, conditions: FaceConditions
) -> None:
    found = index.find(FaceQuery(conditions))
    assert sorted(found.places) == np.flatnonzero(_chosen(table, conditions)).tolist()
    assert 0 < len(found.places) < len(table)
    for name, column in TEXTS.items():
        cells = table[column][_chosen(table, conditions, left_out=name)].fillna(NO_VALUE)
        expected = cells.value_counts().to_dict()
        if table[column].nunique() < LISTED_VALUES:
            assert {key: value for key, value in found.counts[name].items() if value} == expected
            assert set(found.counts[name]) == set(table[column].fillna(NO_VALUE))
        else:
            assert all(expected.get(key, 0) == value for key, value in found.counts[name].items())
            assert set(getattr(conditions, name)) <= set(found.counts[name])
            most = sorted(expected.values(), reverse=True)[:LISTED_VALUES]
            assert sorted(found.counts[name].values(), reverse=True)[: len(most)] == most


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ["emotion", "subject", "blur"])
def test_orders_are_those_of_pandas(index: FaceIndex, table: pd.DataFrame, order: str, descending: bool) -> None:
    places = index.find(FaceQuery(EVERY_FACE, order, descending)).places
    column = TEXTS.get(order, order)
    expected = table[column].sort_values(ascending=not descending, na_position="last")
    pd.testing.assert_series_equal(table[column][places].reset_index(drop=True), expected.reset_index(drop=True))
    assert sorted(places) == list(range(len(table)))


def test_a_face_and_its_track_are_found(index: FaceIndex, table: pd.DataFrame) -> None:
    for place in (0, 17, 5999):
        assert index.place_of(table["face_id"][place]) == place
        row = table.iloc[place]
        own = table[(table["source_id"] == row["source_id"]) & (table["track_id"] == row["track_id"])]
        track = index.track_of(place)
        assert sorted(track) == own.index.tolist()
        assert table["frame_index"][track].is_monotonic_increasing
    assert index.place_of("") is index.place_of("f" * 32) is index.place_of("ÿ") is None


def test_columns_are_those_of_the_filtered_table(index: FaceIndex, table: pd.DataFrame) -> None:
    conditions = CONDITIONS[1]
    rows, columns = table[_chosen(table, conditions)], index.columns(conditions)
    for name in ("subject_id", "emotion"):
        assert columns.text(name).counts() == rows[name].value_counts().to_dict()
        # Values that no chosen face has are left out.
        assert set(columns.text(name).values) == set(rows[name].dropna())
    np.testing.assert_array_equal(columns.numbers("blur"), rows["blur"].to_numpy(np.float64))


def test_an_empty_manifest_has_an_index() -> None:
    index = FaceIndex(made_table(1).slice(0, 0))
    assert len(index.find(FaceQuery(FaceConditions(), "blur", True)).places) == 0
    assert (index.place_of("a"), index.limits()) == (None, {})
    assert encode(made_table(1).slice(0, 0)["emotion"]).counts() == {}


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(InputError, match="order` is 'size'; choose among emotion"):
        FaceQuery(EVERY_FACE, "size")
