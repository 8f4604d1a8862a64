"""Drawn faces are recognised by the files that `fertools sample` writes."""

from __future__ import annotations

from pathlib import Path

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES
from fertools.samples.dataset import draw_dataset
from fertools.samples.sample_options import SampleOptions
from fertools.training.data.synthetic import count_drawn
from tests.training.blobs import blob_rows


def write_sources(workspace: Workspace, paths: dict[str, str]) -> None:
    rows = [
        {"source_id": name, "path": path, "kind": "video", "modality": "visible", "status": "done",
         "faces_kept": 1, "faces_rejected": 0}
        for name, path in paths.items()
    ]  # fmt: skip
    store.write_table(workspace.sources, SOURCES, SOURCES.table(rows))


def test_faces_below_a_drawn_dataset_are_counted(tmp_path: Path) -> None:
    draw_dataset(tmp_path / "drawn", SampleOptions(people=1, frames=1, stills=1, size_px=64))
    clip = next((tmp_path / "drawn").rglob("*.mp4"))
    workspace = Workspace(tmp_path / "workspace")
    write_sources(workspace, {"a" * 32: str(clip), "b" * 32: str(tmp_path / "elsewhere" / "clip.mp4")})
    rows = [row | {"source_id": source * 32} for row, source in zip(blob_rows(1), "aabbbbb", strict=True)]
    faces = FACES.table([{name: value for name, value in row.items() if name != "_picture"} for row in rows])
    assert count_drawn(workspace, faces) == 2


def test_without_sources_nothing_is_known(tmp_path: Path) -> None:
    faces = FACES.table([])
    assert count_drawn(Workspace(tmp_path), faces) == 0
