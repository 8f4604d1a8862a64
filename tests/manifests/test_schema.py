from __future__ import annotations

import pyarrow as pa
import pytest

from fertools.manifests.schema import FACES, LABEL_COLUMNS, SOURCES, TABLES
from fertools.manifests.table_schema import SCHEMA_VERSION, VERSION_KEY, TableSchema


@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.name)
def test_a_schema_is_sound(schema: TableSchema) -> None:
    assert len(set(schema.names)) == len(schema.names)
    key = schema.columns[schema.names.index(schema.key)]
    assert key.required
    for column in schema.columns:
        assert column.doc.endswith("."), column.name
        assert not (column.choices and column.bounds), column.name
        assert column.bounds is None or column.bounds[0] < column.bounds[1]


def test_the_arrow_schema_states_version_types_and_nulls() -> None:
    assert (FACES.arrow.metadata or {})[VERSION_KEY] == str(SCHEMA_VERSION).encode()
    assert FACES.arrow.field("landmarks").type == pa.list_(pa.list_(pa.float32(), 2), 5)
    assert not FACES.arrow.field("face_id").nullable
    assert FACES.arrow.field("emotion").nullable


FIRST_COLUMNS = (
    "face_id source_id dataset modality pair_id licence frame_index pts_s frame_width_px frame_height_px shot_id "
    "track_id box landmarks landmarks_smoothed det_score interpolated path size_px template matrix crop_coverage "
    "face_px blur brightness yaw_deg pitch_deg roll_deg status reason subject_id subject_origin subject_confidence "
    "emotion emotion_origin valence arousal va_origin va_raters valence_spread arousal_spread intensity fold split "
    "weight parent_id generator_run generator_folds target_emotion"
)
"""Columns of the first tables of schema version 1."""


def test_a_column_added_to_a_schema_version_is_one_that_older_tables_may_lack() -> None:
    assert set(FACES.names) - FACES.added == set(FIRST_COLUMNS.split())
    assert not SOURCES.added
    assert not any(column.required for column in FACES.columns if column.added)


def test_label_columns_are_optional_and_in_one_group_each() -> None:
    required = {column.name for column in FACES.columns if column.required}
    assert set(LABEL_COLUMNS) <= set(FACES.names)
    assert not required & set(LABEL_COLUMNS)
    assert len(set(LABEL_COLUMNS)) == len(LABEL_COLUMNS)


def test_rows_become_a_sorted_table_with_null_for_what_they_lack() -> None:
    rows = [
        {"source_id": name, "path": name, "kind": "image", "modality": "visible", "status": "done"} for name in "ba"
    ]
    table = SOURCES.table(rows)
    assert table["source_id"].to_pylist() == ["a", "b"]
    assert table["emotion"].null_count == 2
    assert table.schema.equals(SOURCES.arrow, check_metadata=True)
