"""The measurements run, and count rightly, on a clip of a second."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.bench_ingest import Faces, compare
from tests.conftest import write_clip

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("script", ["bench_ingest.py", "bench_faces.py"])
def test_a_measurement_runs_and_finds_the_faces_of_both(
    tmp_path: Path, portrait: NDArray[np.uint8], script: str
) -> None:
    face = np.asarray(cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA), np.uint8)
    clip = write_clip(tmp_path / "a.mp4", [face] * 3)
    command = [sys.executable, str(FOLDER / script), str(clip), "--runs", "1"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("1.0000") >= 2


def test_detectors_are_set_side_by_side(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), portrait[..., ::-1])
    cv2.imwrite(str(tmp_path / "pair.png"), np.concatenate([portrait, portrait], axis=1)[..., ::-1])
    cv2.imwrite(str(tmp_path / "nobody.png"), np.full((90, 90, 3), 90, np.uint8))
    # The pair is said to show three faces at least, and the face none: two of four are found, and one is false.
    (tmp_path / "photos.csv").write_text("file,faces_min,faces_max\nface.png,0,0\npair.png,3,3\nnobody.png,1,1\n")
    command = [sys.executable, str(FOLDER / "bench_detectors.py"), "photos.csv"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rows = [line.split(" | ") for line in ended.stdout.splitlines() if line.startswith(("| mtcnn", "| yunet"))]
    assert [(row[3], row[4]) for row in rows if row[1] != "certain"] == [("0.5000", "1")] * 4
    assert "mtcnn and yunet share 3 faces" in ended.stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are chosen by a call that Linux has")
@pytest.mark.slow
def test_scaling_is_measured_on_files_that_differ(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    face = np.asarray(cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA), np.uint8)
    clip = write_clip(tmp_path / "a.mp4", [face] * 2)
    workers = [str(number) for number in range(1, min(3, len(os.sched_getaffinity(0)) + 1))]
    command = [sys.executable, str(FOLDER / "bench_scaling.py"), str(clip), "--copies", "3", "--runs", "1"]
    command += ["--workers", *workers, "--pass=--every 2"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("3 files, 3 frames, 3 faces, 1 runs, the same manifest each time")
    assert ended.stdout.count("frames/s") == len(workers)
    assert "ratio 1.00" in ended.stdout


def test_agreement_is_counted_by_frame() -> None:
    def faces(*corners: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes = np.array([[x, 0, x + 40, 40] for x in corners], np.float32).reshape(-1, 4)
        return boxes, np.array([np.full((5, 2), x) for x in corners], np.float32).reshape(-1, 5, 2)

    wanted: Faces = {0: faces(0, 100), 1: faces(0), 2: faces(), 3: faces(50)}
    given: Faces = {0: faces(3), 1: faces(30), 2: faces(0)}
    found = compare(wanted, given)
    assert (found.wanted, found.share) == (4, 0.25)
    assert found.mean == found.worst == pytest.approx(18**0.5)


def test_the_rating_page_is_measured_over_http(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "bench_rating.py"), "--faces", "600", "--raters", "2", "--seconds", "0.5"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    counts = {line.split()[0]: int(line.split()[1]) for line in ended.stdout.splitlines()[3:]}
    assert counts["page"] == 2
    assert counts["write"] == counts["next"] > 0


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read where Linux tells it")
def test_memory_is_watched_over_the_length_of_a_video(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(FOLDER / "bench_memory.py"),
        "--seconds",
        "2",
        "--bins",
        "2",
        "--keep",
        str(tmp_path),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("96 x 96, 50 frames at 25 a second, 50 rows")
    assert len(lines) == 6
    resident_mb, anonymous_mb = map(float, lines[-1].split()[-2:])
    # Torch alone is more than this, and a number that is off by a thousand is more than this machine has.
    assert 80 < anonymous_mb < resident_mb < 4000


def test_shot_detectors_are_compared_on_joined_clips(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    face = np.asarray(cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA), np.uint8)
    clips = [write_clip(tmp_path / name, [one] * 6) for name, one in (("a.mp4", face), ("b.mp4", face[::-1]))]
    command = [sys.executable, str(FOLDER / "bench_shots.py"), "--clips", *map(str, clips), "--shots", "4"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "| joined clips | 24 | 3 | fertools | 1.000 | 1.000 | 0 |" in ended.stdout
    assert "| joined clips, dark | 24 | 3 | fertools at first | - | 0.000 | 0 |" in ended.stdout
