from __future__ import annotations

import errno
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.core.errors import InputError, SchemaError, StorageError
from fertools.core.files import TEMPORARY_PREFIX, remove_unfinished
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, LABEL_COLUMNS, SOURCES
from fertools.manifests.table_schema import SCHEMA_VERSION, VERSION_KEY, Column
from tests.manifests.rows import build, face, faces_of, identify, source


def _values(column: Column) -> st.SearchStrategy[Any]:
    """Return a strategy for the cells of a column, within its bounds, null where that is allowed."""
    if column.name in ("face_id", "source_id", "parent_id"):
        return st.text("0123456789abcdef", min_size=32, max_size=32)
    if column.choices is not None:
        cell: st.SearchStrategy[Any] = st.sampled_from(column.choices)
    elif column.type == pa.string():
        # Parquet holds UTF-8, and a lone surrogate has no encoding in it.
        cell = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    else:
        cell = _numbers(column.type, column.bounds)
    return cell if column.required else st.none() | cell


def _numbers(type_: pa.DataType, bounds: tuple[float, float] | None) -> st.SearchStrategy[Any]:
    if isinstance(type_, pa.FixedSizeListType):
        return st.lists(_numbers(type_.value_type, bounds), min_size=type_.list_size, max_size=type_.list_size)
    if pa.types.is_list(type_):
        return st.lists(st.integers(0, 9), max_size=3)
    if pa.types.is_boolean(type_):
        return st.booleans()
    low, high = bounds or (-1e6, 1e6)
    if pa.types.is_integer(type_):
        return st.integers(int(low), int(high))
    return st.floats(low, high, width=32 if type_ == pa.float32() else 64)


ROWS = st.lists(
    st.fixed_dictionaries({column.name: _values(column) for column in FACES.columns}).map(
        lambda row: row | {"path": f"faces/{row['face_id'][:2]}/{row['face_id']}.png"}
    ),
    max_size=4,
    unique_by=lambda row: row["face_id"],
)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_rows_come_back_as_they_were_written(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faces.parquet"
        table = FACES.table(rows)
        store.write_table(path, FACES, table)
        back = store.read_table(path, FACES)
    assert back.equals(table)
    assert back.to_pylist() == sorted(table.to_pylist(), key=lambda row: str(row["face_id"]).encode())


def test_the_order_of_rows_does_not_change_a_byte(tmp_path: Path) -> None:
    rows = [face(f"f{number}", frame=number) for number in range(50)]
    table = pa.Table.from_pylist(rows, schema=FACES.arrow)
    random.Random(0).shuffle(rows)
    store.write_table(tmp_path / "a", FACES, table)
    store.write_table(tmp_path / "b", FACES, pa.Table.from_pylist(rows, schema=FACES.arrow))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_columns_and_rows_can_be_chosen(tmp_path: Path) -> None:
    workspace = build(tmp_path, [face("a"), face("b", frame=1, status="rejected", reason="small")])
    table = store.read_faces(workspace, ["status", "face_id"], [("status", "=", "kept")])
    assert table.to_pylist() == [{"status": "kept", "face_id": identify("a")}]
    assert len(store.read_sources(workspace)) == 1


@pytest.mark.parametrize("read", [store.read_faces, store.read_sources])
def test_without_a_manifest_the_message_says_what_to_run(tmp_path: Path, read: Any) -> None:
    with pytest.raises(InputError, match=r"run `fertools\.ingest\(inputs, workspace\)`"):
        read(Workspace(tmp_path))


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'valance'"):
        store.read_faces(build(tmp_path, [face("a")]), ["valance"])


def _metadata(version: str | None) -> dict[bytes, bytes]:
    return {} if version is None else {VERSION_KEY: version.encode()}


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, "no fertools manifest"),
        (str(SCHEMA_VERSION + 1), rf"schema version {SCHEMA_VERSION + 1}, but this fertools reads version"),
        ("0", "schema version 0"),
        ("\N{SNOWMAN}", "schema version"),
    ],
)
def test_another_version_is_refused_by_name(tmp_path: Path, version: str | None, message: str) -> None:
    path = tmp_path / "faces.parquet"
    pq.write_table(FACES.table([face("a")]).replace_schema_metadata(_metadata(version)), path)
    with pytest.raises(SchemaError, match=message):
        store.read_table(path, FACES)


def test_other_columns_of_the_same_version_are_named(tmp_path: Path) -> None:
    table = FACES.table([face("a")])
    pq.write_table(table.drop_columns(["weight"]), tmp_path / "lacking.parquet")
    with pytest.raises(SchemaError, match="differs from it in weight"):
        store.read_table(tmp_path / "lacking.parquet", FACES)
    index = table.schema.get_field_index("fold")
    pq.write_table(table.set_column(index, "fold", table["fold"].cast(pa.int64())), tmp_path / "wider.parquet")
    with pytest.raises(SchemaError, match="differs from it in fold"):
        store.read_table(tmp_path / "wider.parquet", FACES)
    pq.write_table(table.select(list(reversed(table.column_names))), tmp_path / "turned.parquet")
    with pytest.raises(SchemaError, match="differs from it in the order of columns"):
        store.read_table(tmp_path / "turned.parquet", FACES)


@pytest.mark.parametrize(
    ("columns", "filters", "frames"),
    [
        (None, None, [0, 1]),
        (["sequence_id"], None, [None, None]),
        (["frame_index", "landmarks"], [("frame_index", "=", 1)], [1]),
        (["frame_index", "sequence_id"], [("frame_index", "=", 1)], [1]),
        (["frame_index", "landmarks"], [("sequence_id", "=", "S005")], []),
        (["frame_index"], [("sequence_id", "=", "S005"), ("frame_index", "=", 0)], []),
    ],
)
def test_a_table_without_an_added_column_has_null_in_it(
    tmp_path: Path, columns: list[str] | None, filters: list[Any] | None, frames: list[int | None]
) -> None:
    path = tmp_path / "faces.parquet"
    table = FACES.table([face("a", frame=0), face("b", frame=1)]).sort_by("frame_index")
    pq.write_table(table.drop_columns(["sequence_id"]), path)
    found = store.read_table(path, FACES, columns, filters)
    assert found.column_names == (columns or list(FACES.names))
    assert found["frame_index" if "frame_index" in found.column_names else "sequence_id"].to_pylist() == frames
    if "sequence_id" in found.column_names:
        assert found["sequence_id"].null_count == len(frames)


def test_a_part_without_an_added_column_is_rebuilt(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    _part(workspace, "one", range(3))
    for path in workspace.parts.glob("*.faces.parquet"):
        pq.write_table(store.read_table(path, FACES).drop_columns(["sequence_id"]), path)
    store.rebuild(workspace)
    assert store.read_faces(workspace)["sequence_id"].to_pylist() == [None] * 3


@pytest.mark.parametrize("content", [b"", b"face_id,path\n", b"PAR1 and then not"])
def test_what_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "faces.parquet").write_bytes(content)
    with pytest.raises(SchemaError, match="cannot be read as Parquet"):
        store.read_table(tmp_path / "faces.parquet", FACES)


def test_a_key_that_comes_twice_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="face_id is not unique"):
        store.write_table(tmp_path / "faces.parquet", FACES, FACES.table([face("a"), face("a")]))
    assert list(tmp_path.iterdir()) == []


def test_other_columns_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="columns differ from the faces table"):
        store.write_table(tmp_path / "faces.parquet", FACES, FACES.table([]).drop_columns(["weight"]))


def _part(workspace: Workspace, name: str, frames: range, **columns: Any) -> None:
    rows = [face(f"{name}{frame}", name, frame, **columns) for frame in frames]
    store.commit_part(workspace, name, FACES.table(rows), SOURCES.table([source(name)]))


def test_a_rebuild_is_the_union_of_the_parts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    store.rebuild(workspace)
    assert (len(store.read_faces(workspace)), len(store.read_sources(workspace))) == (0, 0)
    _part(workspace, "one", range(3))
    _part(workspace, "two", range(2))
    store.rebuild(workspace)
    parts = [store.read_table(path, FACES) for path in workspace.parts.glob("*.faces.parquet")]
    assert store.read_faces(workspace).equals(pa.concat_tables(parts).combine_chunks().sort_by("face_id"))
    assert (len(store.read_sources(workspace)), len(store.committed_sources(workspace))) == (2, 2)
    before = workspace.manifest.read_bytes()
    store.rebuild(workspace)
    assert workspace.manifest.read_bytes() == before


def test_a_part_without_its_sources_table_does_not_count_yet(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    _part(workspace, "one", range(3))
    (workspace.parts / "one.sources.parquet").unlink()
    store.rebuild(workspace)
    assert len(store.read_faces(workspace)) == 0


LABEL_VALUES: dict[str, Any] = {
    "subject_id": "berta",
    "subject_origin": "person",
    "subject_confidence": 0.5,
    "emotion": "fear",
    "emotion_origin": "import:x.csv",
    "valence": -0.25,
    "arousal": 0.75,
    "va_origin": "people",
    "va_raters": 3,
    "valence_spread": 0.25,
    "arousal_spread": 0.0,
    "intensity": 1.0,
    "pair_id": "m1",
    "sequence_id": "S005/001",
    "fold": 2,
    "split": "train",
    "weight": 0.5,
}


def test_a_rebuild_keeps_what_later_commands_filled_in(tmp_path: Path) -> None:
    assert set(LABEL_VALUES) == set(LABEL_COLUMNS)
    workspace = Workspace(tmp_path)
    _part(workspace, "one", range(2))
    store.rebuild(workspace)
    faces = store.read_faces(workspace)
    columns: dict[str, Iterable[Any]] = {name: [value, None] for name, value in LABEL_VALUES.items()}
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, columns))
    filled, emptied = faces["face_id"].to_pylist()
    _part(workspace, "two", range(1), emotion="anger")
    store.rebuild(workspace)
    rows = faces_of(workspace)
    assert {name: rows[filled][name] for name in LABEL_COLUMNS} == LABEL_VALUES
    assert {rows[emptied][name] for name in LABEL_COLUMNS} == {None}
    assert rows[identify("two0")]["emotion"] == "anger"


def test_a_fingerprint_depends_on_values_and_order_and_not_on_chunks() -> None:
    table = FACES.table([face("a"), face("b", frame=1)])
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    names = ("face_id", "frame_index")
    assert store.fingerprint(table, names) == store.fingerprint(chunked, names)
    turned = table.take(pa.array([1, 0]))
    assert store.fingerprint(table, names) != store.fingerprint(turned, names)
    assert store.fingerprint(table, names) != store.fingerprint(table, names[:1])


@pytest.mark.parametrize(("number", "reason"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "quota")])
def test_a_full_disk_leaves_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    workspace = build(tmp_path, [face("a")])
    before = workspace.manifest.read_bytes()

    def run_full(self: pq.ParquetWriter, table: pa.Table) -> None:
        raise OSError(number, "no more")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", run_full)
    with pytest.raises(StorageError, match=reason):
        store.write_table(workspace.manifest, FACES, FACES.table([face("b")]))
    assert workspace.manifest.read_bytes() == before
    assert sorted(path.name for path in workspace.manifest.parent.iterdir()) == ["faces.parquet", "sources.parquet"]


WRITER = """
import sys
from pathlib import Path
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.manifests.rows import face

path = Path(sys.argv[1])
tables = [FACES.table([face(f"{n}", frame=n, dataset=str(kind)) for n in range(400)]) for kind in range(2)]
store.write_table(path, FACES, tables[0])
print("begun", flush=True)
while True:
    for table in tables:
        store.write_table(path, FACES, table)
"""


def test_a_reader_sees_whole_tables_and_a_killed_writer_leaves_one(tmp_path: Path) -> None:
    path = tmp_path / "faces.parquet"
    root = Path(__file__).resolve().parents[2]
    generator = random.Random(7)
    seen = set()
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            for _ in range(generator.randrange(5, 20)):
                seen.add(_content(path))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        seen.add(_content(path))
    assert seen == {"0", "1"}
    leftovers = len(list(tmp_path.glob(f"{TEMPORARY_PREFIX}*")))
    assert remove_unfinished(tmp_path) == leftovers
    assert [path.name for path in tmp_path.iterdir()] == ["faces.parquet"]


def _content(path: Path) -> str:
    """Return what all rows of a table of 400 say."""
    table = store.read_table(path, FACES, ["dataset"])
    (dataset,) = set(table["dataset"].to_pylist())
    assert len(table) == 400
    return str(dataset)
