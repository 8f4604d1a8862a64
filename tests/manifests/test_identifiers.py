"""A table from elsewhere never says where fertools reads or writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from fertools.annotations.exchange import export_annotations
from fertools.core.errors import SchemaError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.validation import validate
from fertools.transfer.merge import merge
from tests.manifests.rows import build, face, identify, source

ID = identify("a")
OUTSIDE: list[dict[str, Any]] = [
    {"path": "../.bashrc"},
    {"path": f"faces/{ID[:2]}/../../../{ID}.png"},
    {"path": "/etc/passwd"},
    {"path": f"faces/00/{ID}.png"},
    {"path": f"faces/{ID[:2]}/{ID}.sh"},
    {"path": f"faces/{ID[:2]}/{ID}.png", "face_id": identify("b")},
    # As long as a good one.
    {"path": f"faceZ/{ID[:2]}/{ID}.png"},
    {"path": f"faces/{ID[:2]}\\{ID}.png"},
    {"path": f"faces/{ID[:2]}/{ID[:-1]}_.jpg"},
    {"path": f"faces/{ID[:2]}/{ID}.exe"},
    {"path": None, "face_id": "é" * 16},
    {"path": None, "face_id": ID[:-1] + "g"},
    {"path": None, "face_id": "../../x"},
    {"path": None, "face_id": ID.upper()},
    {"path": None, "face_id": ID + "\n"},
    {"source_id": "../secret"},
    {"parent_id": "x", "path": "training/stargan/a/generated/fear/x.png"},
    {"parent_id": identify("p"), "path": f"training/../../{identify('p')}.png"},
    {"parent_id": identify("p"), "path": f"training/a/generated/fear/{identify('q')}.png"},
]


@pytest.mark.parametrize("columns", OUTSIDE, ids=lambda columns: str(next(iter(columns.values()))))
def test_a_face_may_not_name_another_place(tmp_path: Path, columns: dict[str, Any]) -> None:
    path = tmp_path / "faces.parquet"
    pq.write_table(FACES.table([face("a", **columns)]), path)
    with pytest.raises(SchemaError, match=r"faces\.parquet holds a .* fertools did not write it"):
        store.read_table(path, FACES)


def test_what_fertools_writes_is_read(tmp_path: Path) -> None:
    made = f"training/stargan/first run/generated/fear/{identify('a')}.png"
    rows = [face("a"), face("b", path=None, size_px=None), face("made", parent_id=identify("a"), path=made)]
    workspace = build(tmp_path, rows, [source("../videos/clip.mp4", source_id=identify("clip.mp4"))])
    assert len(store.read_faces(workspace, ["path"])) == 3
    assert len(store.read_sources(workspace)) == 1


def _merge(theirs: Workspace, ours: Workspace) -> object:
    return merge(ours, [theirs])


def _rebuild(theirs: Workspace, ours: Workspace) -> object:
    store.rebuild(theirs)
    return None


def _validate(theirs: Workspace, ours: Workspace) -> object:
    return validate(theirs, deep=True)


def _export(theirs: Workspace, ours: Workspace) -> object:
    return export_annotations(theirs, "csv", ours.root / "out.csv")


@pytest.mark.parametrize("command", [_merge, _rebuild, _validate, _export])
def test_a_workspace_of_someone_else_writes_nothing_outside(
    tmp_path: Path, command: Callable[[Workspace, Workspace], object]
) -> None:
    theirs, ours = Workspace(tmp_path / "theirs"), Workspace(tmp_path / "home" / "ours")
    rows = [face("a", path="../.bashrc")]
    build(theirs.root, rows)
    theirs.parts.mkdir(parents=True)
    for name, table in (("faces", theirs.manifest), ("sources", theirs.sources)):
        (theirs.parts / f"{identify('part')}.{name}.parquet").write_bytes(table.read_bytes())
    theirs.save_settings("ingest", {"crop_px": 16})
    (tmp_path / ".bashrc").write_text("payload")
    ours.root.mkdir(parents=True)
    mine = ours.root.parent / ".bashrc"
    mine.write_text("mine")
    with pytest.raises(SchemaError, match="does not follow from the face's identifier"):
        command(theirs, ours)
    assert mine.read_text() == "mine"
    assert not list(ours.root.rglob("*.png"))
