"""Stores to copy to, and a small dataset to copy, made without detecting anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fertools.core.objects import ObjectStore
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES
from fertools.transfer.inventory import CopySummary
from tests.manifests.rows import Row, face, identify, source

SETTINGS = {"min_face": "20", "crop_px": 16, "weights": "ab12"}


def add_part(workspace: Workspace, video: str, faces: int = 2, **columns: object) -> None:
    """Commit a part with one video, its faces and their crops, one of them in a second template."""
    rows: list[Row] = []
    for number in range(faces):
        row = face(f"{video}/{number}", video, number)
        other = workspace.other_crop_path(row["face_id"], "arcface", 32, ".jpg")
        for path in (row["path"], other)[: 2 if number == 0 else 1]:
            (workspace.root / path).parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(len(rows)).integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(workspace.root / path)
        rows.append(row)
    made = source(video, faces_kept=faces, faces_rejected=0, faces_interpolated=0) | columns
    store.commit_part(workspace, identify(f"part {video}"), FACES.table(rows), SOURCES.table([made]))


def make_dataset(root: Path, *videos: str, broken: str = "broken.mp4", **settings: object) -> Workspace:
    """Return a workspace with a part for each video, and one for a file that could not be read."""
    workspace = Workspace(root)
    for number, video in enumerate(videos or ("a.mp4", "b.mp4", "c.mp4")):
        add_part(workspace, video, 1 + number % 2)
    add_part(workspace, broken, 0, status="failed", reason="it is no video")
    workspace.save_settings("ingest", SETTINGS | settings)
    store.rebuild(workspace)
    return workspace


def label(workspace: Workspace, **columns: object) -> None:
    """Give every face these labels."""
    faces = store.read_faces(workspace)
    values: dict[str, Iterable[Any]] = {name: [value] * len(faces) for name, value in columns.items()}
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, values))


def contents(workspace: Workspace, *, crops: bool = True) -> dict[str, bytes]:
    """Return every file that belongs to the dataset."""
    found = [workspace.manifest, workspace.sources, workspace.settings_path, *workspace.parts.glob("*")]
    found += [path for path in workspace.crops.rglob("*.jpg") if crops]
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in found}


def balanced(summary: CopySummary) -> bool:
    """Return whether every object is counted once."""
    parts = (summary.copied, summary.before, summary.tables, summary.left, summary.ignored)
    return summary.objects == sum(parts)


class Stopped(BaseException):
    """Ends a run as a kill does: nothing catches it."""


def stop_after(monkeypatch: pytest.MonkeyPatch, left: int, stop: Callable[[], None]) -> None:
    """Let a push write so many objects, one by one, and call `stop` instead of the next."""
    replace_one, write, remove = ObjectStore.replace, ObjectStore.write, ObjectStore.remove
    counter = [left]

    def count() -> None:
        counter[0] -= 1
        if counter[0] < 0:
            stop()

    def slow_write(self: ObjectStore, given: dict[str, bytes]) -> None:
        for name, content in given.items():
            count()
            write(self, {name: content})

    def slow_replace(self: ObjectStore, name: str, content: bytes, tag: str | None) -> bool:
        count()
        return replace_one(self, name, content, tag)

    def slow_remove(self: ObjectStore, name: str) -> None:
        count()
        remove(self, name)

    monkeypatch.setattr(ObjectStore, "write", slow_write)
    monkeypatch.setattr(ObjectStore, "replace", slow_replace)
    monkeypatch.setattr(ObjectStore, "remove", slow_remove)


def stop() -> None:
    raise Stopped
