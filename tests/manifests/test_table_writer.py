"""Rows that leave memory on their way to a table: the same rows, in the same order, and nothing left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pytest

from fertools.core import files
from fertools.core.errors import StorageError
from fertools.core.workspace import Workspace
from fertools.manifests import store, table_stream, table_writer
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.table_writer import TableWriter
from tests.manifests.rows import Row, face, source


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writer, "BLOCK_ROWS", 8)
    monkeypatch.setattr(table_stream, "GROUP_ROWS", 16)


def rows_of(count: int) -> list[Row]:
    return [face(f"face {number}", frame=number, emotion="fear" if number % 3 else None) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_rows_come_back_in_their_order(tmp_path: Path, count: int) -> None:
    rows = rows_of(count)
    with closing(TableWriter(tmp_path / "parts", FACES)) as writer:
        writer.add(rows)
        table = writer.table()
    assert table.equals(pa.Table.from_pylist(rows, schema=FACES.arrow))
    assert table.schema == FACES.arrow
    assert (tmp_path / "parts").exists() == (count >= 8)


def test_tables_and_rows_come_back_in_their_order(tmp_path: Path) -> None:
    rows = rows_of(40)
    with closing(TableWriter(tmp_path, FACES)) as writer:
        writer.add(rows[:3])
        first = writer.table()
        writer.add_table(pa.Table.from_pylist(rows[3:25], schema=FACES.arrow))
        writer.add(rows[25:])
        table = writer.table()
    assert first.num_rows == 3
    assert table.to_pylist() == pa.Table.from_pylist(rows, schema=FACES.arrow).to_pylist()


@pytest.mark.parametrize("count", [0, 1, 16, 17, 100])
def test_a_table_in_blocks_is_written_as_one_in_memory(tmp_path: Path, count: int) -> None:
    rows = rows_of(count)
    with closing(TableWriter(tmp_path, FACES)) as writer:
        writer.add(rows)
        # A column in other blocks than the rest, as when subjects are named at the end.
        table = store.replace_columns(writer.table(), {"subject_id": [f"p{number}" for number in range(count)]})
    store.write_table(tmp_path / "spooled", FACES, table)
    rng = np.random.default_rng(0)
    whole = [row | {"subject_id": f"p{number}"} for number, row in enumerate(rows)]
    shuffled = [whole[place] for place in rng.permutation(count)]
    store.write_table(tmp_path / "whole", FACES, pa.Table.from_pylist(shuffled, schema=FACES.arrow))
    assert (tmp_path / "spooled").read_bytes() == (tmp_path / "whole").read_bytes()
    assert store.read_table(tmp_path / "whole", FACES).to_pylist() == FACES.table(whole).to_pylist()


def test_what_is_spooled_leaves_python(tmp_path: Path) -> None:
    with closing(TableWriter(tmp_path, FACES)) as writer:
        before = pa.total_allocated_bytes()
        for start in range(0, 20_000, 100):
            writer.add(rows_of(100) if start == 0 else [face(f"{start + n}") for n in range(100)])
            assert len(writer._rows) < 8
        table = writer.table()
        # Twenty thousand rows take some fifteen megabytes; they are on the disk.
        assert pa.total_allocated_bytes() - before < 1_000_000
        assert table.nbytes > 8_000_000


def test_the_file_has_no_name_and_goes_with_its_process(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from fertools.manifests import table_writer\nfrom fertools.manifests.schema import FACES\n"
        "from tests.manifests.rows import face\n"
        "table_writer.BLOCK_ROWS = 8\nwriter = table_writer.TableWriter(Path(sys.argv[1]), FACES)\n"
        "writer.add([face(str(number)) for number in range(50)])\n"
        "print(writer.table().num_rows, os.listdir(sys.argv[1]), flush=True)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "50 []\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A file on a disk that takes nothing more."""

        def __init__(self, real: IO[bytes]) -> None:
            self.seek, self.tell, self.close = real.seek, real.tell, real.close

        def write(self, content: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    real = files.anonymous_file
    monkeypatch.setattr(files, "anonymous_file", lambda folder: Full(real(folder)))
    with closing(TableWriter(tmp_path, FACES)) as writer, pytest.raises(StorageError, match="the disk is full"):
        writer.add(rows_of(8))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with closing(TableWriter(tmp_path / "file", FACES)) as writer, pytest.raises(StorageError, match="not a folder"):
        writer.add(rows_of(8))


def test_a_rebuild_never_holds_a_large_part_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_stream, "GROUP_ROWS", 256)
    workspace = Workspace(tmp_path)
    rows = FACES.table([face(str(number), frame=number) for number in range(12_000)])
    store.commit_part(workspace, "large", rows, SOURCES.table([source()]))
    # In a process of its own, whose pool has counted nothing else.
    program = (
        "import sys\nimport pyarrow as pa\n"
        "from fertools.core.workspace import Workspace\nfrom fertools.manifests import key_order, store, table_stream\n"
        "key_order.RUN_ROWS, key_order.BLOCK_ROWS, table_stream.GROUP_ROWS = 1024, 64, 256\n"
        "store.rebuild(Workspace(sys.argv[1]))\n"
        "print(pa.default_memory_pool().max_memory())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < rows.nbytes / 2
    assert store.read_faces(workspace).equals(rows)
