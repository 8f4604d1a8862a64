from __future__ import annotations

import json
from pathlib import Path

from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.splits.audit.source_findings import find_changed_sources
from tests.manifests.rows import source


def test_missing_and_changed_sources_are_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    rows = []
    for name in ("same.mp4", "gone.mp4", "changed.mp4", "stamped.mp4"):
        (tmp_path / name).write_bytes(name.encode())
        rows.append(source(name, source_id=hash_file(tmp_path / name), status="done"))
    rows.append(source("never.mp4", source_id="0" * 32, status="failed"))
    store.write_table(workspace.sources, SOURCES, SOURCES.table(rows))
    assert list(find_changed_sources(workspace)) == []
    (tmp_path / "gone.mp4").unlink()
    (tmp_path / "changed.mp4").write_bytes(b"other")
    found = {finding.kind: finding.message for finding in find_changed_sources(workspace)}
    assert found.keys() == {"missing-source", "changed-source"}
    assert "gone.mp4" in found["missing-source"]
    assert found["changed-source"].endswith("(changed.mp4)")
    # A file with the size and the time that ingest wrote down is not read again.
    status = (tmp_path / "changed.mp4").stat()
    stamps = {"changed.mp4": [status.st_size, status.st_mtime_ns, rows[2]["source_id"]]}
    workspace.digests.write_text(json.dumps(stamps))
    assert [finding.kind for finding in find_changed_sources(workspace)] == ["missing-source"]
