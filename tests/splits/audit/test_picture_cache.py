"""A second audit decodes nothing, and keeps nothing of faces that are gone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.splits.audit import picture_cache
from fertools.splits.audit.audit_table import from_workspace
from fertools.splits.audit.picture_cache import describe_crops
from fertools.splits.audit.picture_hash import PictureFacts
from fertools.transfer.forget import forget
from tests.training.blobs import write_blobs


def _describe(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[PictureFacts, int]:
    """Return the facts, and the number of pictures that were decoded."""
    decoded, decode = [], cv2.imdecode

    def count(content: np.ndarray, flags: int) -> np.ndarray | None:
        decoded.append(1)
        return decode(content, flags)

    with monkeypatch.context() as patch:
        patch.setattr(cv2, "imdecode", count)
        return describe_crops(workspace, from_workspace(workspace)), len(decoded)


def test_only_new_content_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = write_blobs(tmp_path)
    monkeypatch.setattr(picture_cache, "BLOCK", 10)
    rows = store.read_faces(workspace, ["face_id", "path"]).to_pylist()
    crops = [workspace.root / row["path"] for row in rows]
    crops[3].write_bytes(b"no picture")
    first, decoded = _describe(workspace, monkeypatch)
    assert decoded == len(rows) == 28
    again, decoded = _describe(workspace, monkeypatch)
    assert decoded == 0
    for name in ("readable", "flat", "hashes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    assert again.digests == first.digests
    for name, values in first.numbers.items():
        np.testing.assert_array_equal(again.numbers[name], values)
    cv2.imwrite(str(crops[5]), np.full((72, 72, 3), 200, np.uint8))
    crops[7].unlink()
    changed, decoded = _describe(workspace, monkeypatch)
    assert decoded == 1
    assert changed.flat.nonzero()[0].tolist() == [5]
    assert (~changed.readable).nonzero()[0].tolist() == [3, 7]
    # A damaged cache is written again, and while another command works here none is.
    workspace.picture_facts.write_bytes(b"damaged")
    with workspace.locked("a test"):
        assert _describe(workspace, monkeypatch)[1] == 27
    assert workspace.picture_facts.read_bytes() == b"damaged"
    assert _describe(workspace, monkeypatch)[1] == 27
    assert _describe(workspace, monkeypatch)[1] == 0


def test_forgotten_faces_leave_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = write_blobs(tmp_path)
    store.write_table(workspace.sources, SOURCES, SOURCES.arrow.empty_table())
    _describe(workspace, monkeypatch)
    faces = store.read_faces(workspace, ["face_id"])["face_id"].to_pylist()
    forget(workspace, faces=faces[:2])
    assert pq.read_table(workspace.picture_facts)["face_id"].to_pylist() == faces[2:]
    assert _describe(workspace, monkeypatch)[1] == 0
