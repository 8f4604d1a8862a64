"""Several datasets and modalities in one workspace: what describes one says nothing of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.transfer.merge import merge
from tests.ingestion.clips import small

VISIBLE = IngestOptions(workers=1, crop_px=48, min_face=24)
THERMAL = replace(VISIBLE, modality="thermal", crops=True)


@pytest.fixture
def people(tmp_path: Path, portrait: NDArray[np.uint8]) -> Path:
    """A folder of visible pictures and one of thermal face crops."""
    for folder, grey in (("visible", False), ("thermal", True)):
        (tmp_path / folder / "p01").mkdir(parents=True)
        picture = small(portrait)[..., ::-1]
        cv2.imwrite(
            str(tmp_path / folder / "p01" / f"{folder}.png"),
            cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if grey else picture,
        )
    return tmp_path


def modalities(workspace: Workspace) -> list[tuple[str, str]]:
    table = store.read_faces(workspace, ("dataset", "modality"))
    return sorted(zip(table["dataset"].to_pylist(), table["modality"].to_pylist(), strict=True))


def test_visible_pictures_and_thermal_crops_share_a_workspace(people: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    ingest([people / "visible"], workspace, VISIBLE)
    ingest([people / "thermal"], workspace, THERMAL)
    assert modalities(workspace) == [("thermal", "thermal"), ("visible", "visible")]
    assert ingest([people / "visible"], workspace, VISIBLE).new_sources == 0
    assert ingest([people / "thermal"], workspace, THERMAL).new_sources == 0


def test_a_dataset_is_ingested_again_only_as_it_was(people: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    ingest([people / "thermal"], workspace, THERMAL)
    with pytest.raises(ResumeRefused, match=r"dataset thermal \(thermal\) .* with crops True, not False"):
        ingest([people / "thermal"], workspace, replace(THERMAL, crops=False))
    with pytest.raises(ResumeRefused, match="subject_from"):
        ingest([people / "thermal"], workspace, replace(THERMAL, subject_from="none"))
    assert modalities(workspace) == [("thermal", "thermal")]


def test_what_shapes_every_face_is_still_the_same_for_all(people: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    ingest([people / "visible"], workspace, VISIBLE)
    with pytest.raises(ResumeRefused, match="crop_px 48, not 64"):
        ingest([people / "thermal"], workspace, replace(THERMAL, crop_px=64))


def test_workspaces_of_two_modalities_are_merged(people: Path, tmp_path: Path) -> None:
    parts = [Workspace(tmp_path / name) for name in ("one", "two")]
    ingest([people / "visible"], parts[0], VISIBLE)
    ingest([people / "thermal"], parts[1], THERMAL)
    whole = Workspace(tmp_path / "whole")
    merge(whole, parts)
    assert modalities(whole) == [("thermal", "thermal"), ("visible", "visible")]
    assert ingest([people / "thermal"], whole, THERMAL).new_sources == 0
