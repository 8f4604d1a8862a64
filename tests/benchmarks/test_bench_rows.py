"""Generated manifests are valid, and the measurement of commands on them runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.validation import validate
from tests.benchmarks.many_rows import write_many_rows


def test_generated_rows_break_no_invariant_but_the_lack_of_crops(tmp_path: Path) -> None:
    workspace = write_many_rows(tmp_path, 3000, parts=2)
    report = validate(workspace)
    assert [found.invariant for found in report.violations] == ["crop-exists"]
    faces = store.read_faces(workspace)
    assert len(faces) == 3000
    real = faces.filter(pc.is_null(faces["parent_id"]))
    parts = [store.read_table(path, FACES) for path in sorted(workspace.parts.glob("*.faces.parquet"))]
    assert pa.concat_tables(parts).sort_by("face_id")["face_id"].equals(real["face_id"])
    sources = [store.read_table(path, SOURCES) for path in sorted(workspace.parts.glob("*.sources.parquet"))]
    assert sum(map(len, sources)) == len(store.read_sources(workspace))


def test_the_measurement_runs(tmp_path: Path) -> None:
    script = Path(__file__).parent / "bench_rows.py"
    command = [sys.executable, str(script), "--rows", "5000", "--command", "split", "--folder", str(tmp_path / "made")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[1].startswith("split")
