from __future__ import annotations

from pathlib import Path

from fertools.manifests import reference
from fertools.manifests.schema import TABLES

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_that_of_the_schema() -> None:
    page = (ROOT / reference.PAGE).read_text(encoding="utf-8")
    assert page == reference.render(), "run `python -m fertools.manifests.reference`"


def test_every_column_has_an_entry() -> None:
    page = " ".join(reference.render().split())
    for schema in TABLES:
        for column in schema.columns:
            assert f"- `{column.name}` (" in page
            assert column.doc in page


def test_types_are_written_as_people_write_them() -> None:
    page = reference.render()
    assert "- `landmarks` (float32[5][2]): " in page
    assert "- `pts_s` (float64): " in page
    assert "- `frame_index` (int32): " in page


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    assert reference.main(tmp_path) == 0
    assert (tmp_path / reference.PAGE).read_text(encoding="utf-8") == reference.render()
