"""Copies of one file: whichever is read, the labels are those of all of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.manifests import store
from tests.ingestion.clips import OPTIONS, small


class Notes(Silent):
    """Keeps what an ingest says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Keep a line."""
        self.said.append(text)


def _place(folder: Path, portrait: NDArray[np.uint8], *places: str) -> None:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / place), small(portrait)[..., ::-1])


def _ingest(workspace: Workspace, folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return the one face, its source, and what was said."""
    report = Notes()
    ingest([folder], workspace, OPTIONS, report)
    (face,) = store.read_faces(workspace).to_pylist()
    (source,) = [row for row in store.read_sources(workspace).to_pylist() if row["status"] == "done"]
    return face, source, report.said


@pytest.mark.parametrize(
    "places",
    [
        ("a.png", "p03/happy/z.png"),
        ("p03/happy/a.png", "z.png"),
        ("happy/a.png", "p03/b.png"),
        ("p03/a.png", "happy/b.png"),
    ],
)
def test_labels_that_one_copy_has_are_kept_whichever_comes_first(
    tmp_path: Path, portrait: NDArray[np.uint8], places: tuple[str, ...]
) -> None:
    _place(tmp_path / "given", portrait, *places)
    face, source, _ = _ingest(Workspace(tmp_path / "w"), tmp_path / "given")
    for row in (face, source):
        assert (row["subject_id"], row["subject_origin"]) == ("p03", "folder")
        assert (row["emotion"], row["emotion_origin"]) == ("happiness", "folder")
    assert source["reason"] is None


def test_contradictions_are_unknown_printed_and_kept(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    _place(tmp_path / "given", portrait, "p03/happy/a.png", "p03/sad/b.png", "p03/c.png")
    face, source, said = _ingest(Workspace(tmp_path / "w"), tmp_path / "given")
    assert (face["subject_id"], face["emotion"], face["emotion_origin"]) == ("p03", None, None)
    assert "so emotion is unknown: happiness (" in source["reason"]
    assert "p03/sad/b.png" in source["reason"]
    assert [line for line in said if source["reason"] in line]


def test_a_new_copy_whose_label_comes_too_late_is_said(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    workspace = Workspace(tmp_path / "w")
    _place(tmp_path / "given", portrait, "p03/a.png")
    _, _, said = _ingest(workspace, tmp_path / "given")
    assert not [line for line in said if "copy" in line]
    (tmp_path / "given" / "happy").mkdir()
    shutil.copy(tmp_path / "given" / "p03" / "a.png", tmp_path / "given" / "happy" / "b.png")
    face, _, said = _ingest(workspace, tmp_path / "given")
    assert face["emotion"] is None
    assert [line for line in said if "whose faces have the emotion unknown and not happiness" in line]


def test_two_people_in_one_path_end_the_ingest_before_anything_is_made(
    tmp_path: Path, portrait: NDArray[np.uint8]
) -> None:
    _place(tmp_path / "given", portrait, "P03/S1/a.png", "P04/S1/a.png")
    with pytest.raises(InputError, match="'P03' and 'S1'"):
        ingest([tmp_path / "given"], Workspace(tmp_path / "w"), OPTIONS)
    assert not list((tmp_path / "w").rglob("*.parquet"))
