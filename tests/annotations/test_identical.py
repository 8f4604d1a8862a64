from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fertools.annotations.catalogue import Catalogue
from fertools.annotations.identical import identical_run
from tests.manifests.rows import Row, build, face, identify


def _catalogue(root: Path, greys: list[int], **columns: Any) -> Catalogue:
    rows: list[Row] = [face(f"{number:02d}", frame=number, **columns) for number in range(len(greys))]
    workspace = build(root, rows)
    for row, grey in zip(rows, greys, strict=True):
        path = root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), grey, np.uint8)).save(path)
    return Catalogue(workspace)


def _frames(catalogue: Catalogue, number: int) -> list[int]:
    run = identical_run(catalogue, catalogue.row_of[identify(f"{number:02d}")])
    return [int(catalogue.value("frame_index", row)) for row in run]


def test_a_run_goes_to_both_sides_until_the_picture_changes(tmp_path: Path) -> None:
    catalogue = _catalogue(tmp_path, [0, 100, 101, 102, 103, 200, 102])
    assert _frames(catalogue, 3) == [1, 2, 3, 4]
    assert _frames(catalogue, 0) == [0]


def test_a_slow_change_does_not_run_on(tmp_path: Path) -> None:
    catalogue = _catalogue(tmp_path, list(range(100, 140, 2)))
    assert _frames(catalogue, 10) == [8, 9, 10, 11, 12]


def test_a_change_in_one_place_is_a_change(tmp_path: Path) -> None:
    catalogue = _catalogue(tmp_path, [100, 100])
    path = tmp_path / str(catalogue.value("path", catalogue.row_of[identify("01")]))
    picture = np.full((64, 64, 3), 100, np.uint8)
    picture[40:52, 24:40] = 160
    Image.fromarray(picture).save(path)
    assert _frames(catalogue, 0) == [0]


def test_another_track_is_another_face_and_a_missing_crop_ends_the_run(tmp_path: Path) -> None:
    assert _frames(_catalogue(tmp_path / "alone", [100] * 3, track_id=None), 1) == [1]
    catalogue = _catalogue(tmp_path / "gap", [100] * 5)
    (tmp_path / "gap" / str(catalogue.value("path", catalogue.row_of[identify("03")]))).unlink()
    assert _frames(catalogue, 1) == [0, 1, 2]
    assert _frames(catalogue, 3) == [3]
