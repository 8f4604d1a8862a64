"""Copies of drawn pictures are found however they were changed, and different pictures are no copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.splits.audit.audit_table import AuditTable, make_table
from fertools.splits.audit.run_audit import audit_rows

Picture = NDArray[np.uint8]
COUNT = 24


def draw(seed: int, side_px: int = 96) -> Picture:
    """Return a picture with shapes of many sizes; other seeds give other pictures."""
    random = np.random.default_rng(seed)
    picture = np.zeros((side_px, side_px, 3), np.float32)
    for cells, weight in ((4, 40.0), (10, 20.0), (24, 6.0)):
        noise = random.normal(size=(cells, cells, 3)).astype(np.float32)
        picture += weight * cv2.resize(noise, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(128 + picture, 0, 255), np.uint8)


def _compress(picture: Picture) -> Picture:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _mark(picture: Picture) -> Picture:
    marked = picture.copy()
    cv2.putText(marked, "stock", (4, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(cv2.addWeighted(picture, 0.8, marked, 0.2, 0), np.uint8)


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "equal": lambda picture: picture,
    "scaled": lambda picture: np.asarray(cv2.resize(picture, (61, 61), interpolation=cv2.INTER_AREA), np.uint8),
    "mirrored": lambda picture: picture[:, ::-1],
    "compressed": _compress,
    "cropped": lambda picture: picture[1:-1, 1:-1],
    "marked": _mark,
    "darker": lambda picture: np.asarray(picture * 0.8, np.uint8),
    "grey": lambda picture: np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8),
    "mirrored and compressed": lambda picture: _compress(np.ascontiguousarray(picture[:, ::-1])),
}


def _table(folder: Path, pictures: list[Picture]) -> AuditTable:
    names = [f"{number}.png" for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        cv2.imwrite(str(folder / name), picture)
    parts = ["train" if number < COUNT else "test" for number in range(len(pictures))]
    return make_table(names, parts, {}, files=names, folder=folder, origin=folder / "t.csv")


def test_different_pictures_are_no_copies(tmp_path: Path) -> None:
    assert audit_rows(_table(tmp_path, [draw(seed) for seed in range(3 * COUNT)])).findings == ()


@pytest.mark.parametrize("change", CHANGES)
def test_each_changed_copy_is_found_in_the_other_part(tmp_path: Path, change: str) -> None:
    pictures = [draw(seed) for seed in range(COUNT)]
    report = audit_rows(_table(tmp_path, [*pictures, *map(CHANGES[change], pictures)]))
    (found,) = [finding for finding in report.leaks if finding.kind.endswith("duplicate-across")]
    assert found.kind == ("duplicate-across" if change == "equal" else "near-duplicate-across")
    assert sorted(map(tuple, found.groups)) == [(number, number + COUNT) for number in range(COUNT)]


def test_files_that_cannot_be_read_are_named_and_end_nothing(tmp_path: Path) -> None:
    table = _table(tmp_path, [draw(seed) for seed in range(8)])
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").write_bytes(b"")
    whole = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[:60])
    (tmp_path / "3.png").unlink()
    (tmp_path / "3.png").mkdir()
    cv2.imwrite(str(tmp_path / "4.png"), np.full((96, 96, 3), 7, np.uint8))
    found = {finding.kind: list(finding.groups) for finding in audit_rows(table).findings}
    assert found == {"missing-file": [(0,), (3,)], "damaged-file": [(1,), (2,)], "flat-picture": [(4,)]}
