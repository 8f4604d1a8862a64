"""The measurements of agreement count rightly, on made-up faces and on a portrait."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from tests.benchmarks.bench_points import errors, read_pts
from tests.benchmarks.bench_recall import Faces, Tally
from tests.conftest import write_clip

FOLDER = Path(__file__).parent


def _faces(*places: tuple[float, float]) -> Faces:
    """Return boxes of 40 x 40 px at x, with a score; eyes 20 px apart."""
    corners = np.array([x for x, _ in places], np.float32)
    boxes = np.stack([corners, 0 * corners, corners + 40, 0 * corners + 40], axis=1)
    five = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], np.float32)
    points = five + np.stack([corners, 0 * corners], axis=1)[:, None]
    return boxes, np.array([score for _, score in places], np.float32), points


def test_recall_precision_and_distances_are_counted() -> None:
    tally = Tally()
    tally.add(_faces((0, 0.99), (100, 0.99), (200, 0.95)), _faces((4, 0.99), (200, 0.8), (300, 0.99)), 0.9)
    tally.add(_faces((0, 0.99)), _faces(), 0.9)
    tally.add(_faces(), _faces((0, 0.95), (50, 0.5)), 0.9)
    # Two of four are found, one of them by a face that scores too low to count as found itself.
    assert (tally.wanted, tally.recalled, tally.found, tally.confirmed) == (4, 2, 3, 1)
    assert tally.ious == pytest.approx([36 / 44, 1.0])
    assert tally.edges == pytest.approx([0.1, 0, 0.1, 0, 0, 0, 0, 0])
    assert max(tally.apart) == pytest.approx(4 / 20)
    assert np.mean(tally.apart_px) == pytest.approx(2.0)
    other = Tally()
    other.add(_faces((0, 0.9)), _faces((0, 0.9)))
    tally.join(other)
    cells = [cell.strip() for cell in tally.row("a.jpg", "ours, stored").strip("|").split("|")]
    assert cells[2:6] == ["5", "4", "0.6000", "0.5000"]
    assert cells[7:] == ["0.8182", "1.67%", "10.00%", "6.67%", "20.00%", "4.000"]
    assert Tally().row("a", "b").count("–") == 9


def test_the_faces_of_pictures_and_frames_are_set_beside_stored_ones(
    tmp_path: Path, portrait: NDArray[np.uint8]
) -> None:
    small = np.asarray(cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA), np.uint8)
    empty = np.full_like(small, 90)
    cv2.imwrite(str(tmp_path / "a.png"), portrait[..., ::-1])
    write_clip(tmp_path / "b.avi", [empty, small, small], codec="ffv1")

    def stored(picture: NDArray[np.uint8], shift_px: float) -> list[dict[str, object]]:
        found = MtcnnDetector(mode="exact").detect([picture])[0]
        rows = zip(found.boxes.tolist(), found.scores.tolist(), (found.landmarks + shift_px).tolist(), strict=True)
        return [{"box": box, "score": score, "points": points} for box, score, points in rows]

    entries = {
        "a.png": {"faces": stored(portrait, 0)},
        "b.avi": {"detections": {"0": stored(small, 0), "1": stored(small, 3)}},
    }
    (tmp_path / "reference.json").write_text(json.dumps(entries))
    command = [sys.executable, str(FOLDER / "bench_recall.py"), str(tmp_path / "reference.json"), "--mode", "exact"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in ended.stdout.splitlines()[2:]]
    rows = {(row[0], row[1]): row[2:] for row in table}
    assert len(rows) == 9
    for sides in ("fertools exact, stored", "facenet-pytorch, stored"):
        assert rows["a.png", sides][:4] == ["1", "1", "1.0000", "1.0000"]
        # The first frame is empty, and a face is stored of it; in the second the points lie elsewhere.
        assert rows["b.avi", sides][:4] == ["2", "1", "0.5000", "1.0000"]
        assert float(rows["b.avi", sides][-1]) == pytest.approx(18**0.5, abs=0.02)
        assert rows["all", sides][:4] == ["3", "2", "0.6667", "1.0000"]
    assert rows["all", "fertools exact, facenet-pytorch"][2:5] == ["1.0000", "1.0000", "1.0000"]


def test_errors_are_shares_of_the_distance_of_the_eyes() -> None:
    found = _faces((0, 0.9), (2, 0.99), (300, 1.0))
    away = errors(found[2][0].astype(np.float64), found)
    assert away is not None
    assert away == pytest.approx([0.1] * 5)
    assert errors(found[2][0] + 1000.0, found) is None


def test_68_points_give_five_counted_from_zero(tmp_path: Path) -> None:
    points = np.arange(136, dtype=np.float64).reshape(68, 2)
    lines = ["version: 1", "n_points:  68", "{", *(f"{x} {y}" for x, y in points), "}"]
    (tmp_path / "a.pts").write_text("\n".join(lines))
    (tmp_path / "a.ppm").touch()
    picture, five = read_pts(tmp_path / "a.pts")
    assert picture == tmp_path / "a.ppm"
    assert (
        five.tolist()
        == (np.array([points[38:40].mean(axis=0), points[44:46].mean(axis=0), *points[[30, 48, 54]]]) - 1).tolist()
    )


def test_points_placed_by_hand_are_set_beside_those_found(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), portrait[..., ::-1])
    cv2.imwrite(str(tmp_path / "b.png"), np.full((64, 64, 3), 90, np.uint8))
    five = MtcnnDetector(mode="exact").detect([portrait])[0].landmarks[0].astype(np.float64)
    five[2] += np.linalg.norm(five[0] - five[1]) / 4 * np.array([0, 1])
    rows = [
        ["file", *(f"{axis}{n}" for n in range(5) for axis in "xy")],
        ["a.png", *five.ravel()],
        ["b.png", *[30] * 10],
    ]
    (tmp_path / "points.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    command = [sys.executable, str(FOLDER / "bench_points.py"), str(tmp_path / "points.csv"), "--mode", "exact"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "| b.png | facenet-pytorch | not found |" in ended.stdout
    assert "| mean of 1 | fertools exact | 5.00% | 0.00% | 0.00% | 25.00% | 0.00% | 0.00% |" in ended.stdout
