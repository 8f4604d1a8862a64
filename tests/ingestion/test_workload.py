"""How much of an ingest is done is said within a file too, from its first frames on."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.progress import Progress, Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.workload import Done, Workload
from fertools.sources.animations import read_video
from fertools.sources.sampling import Sampling
from tests.sources.formats import VIDEOS, Pixels, write_animation, write_video


@pytest.mark.parametrize(
    ("workload", "done", "share"),
    [
        (Workload(10, 0), Done(frames=4, pictures=4), 0.4),
        (Workload(10, 0), Done(pictures=10), 1.0),
        (Workload(0, 1000), Done(frames=30, video_bytes=250), 0.25),
        (Workload(0, 1000), Done(frames=120, video_bytes=1000), 1.0),
        # 30 frames were 1000 of 4000 bytes, so that 90 more and ten pictures are left.
        (Workload(10, 4000), Done(frames=30, video_bytes=1000), 30 / 130),
        (Workload(10, 4000), Done(frames=125, pictures=5, video_bytes=4000), 125 / 130),
        # Work that was done twice, after a worker died, is no more than all.
        (Workload(0, 1000), Done(frames=150, video_bytes=1250), 1.0),
        (Workload(10, 4000), Done(), None),
        (Workload(0, 0), Done(), None),
    ],
)
def test_the_share_is_that_of_frames(workload: Workload, done: Done, share: float | None) -> None:
    assert workload.share(done) == (None if share is None else pytest.approx(share))


@pytest.fixture(scope="module")
def noise() -> list[Pixels]:
    return list(np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), np.uint8))


@pytest.mark.parametrize(
    "name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.flv", "a.wmv", "a.mpg", "a.webm", "a.gif", "a.h264"]
)
def test_how_far_a_video_is_read_rises_with_its_frames(tmp_path: Path, noise: list[Pixels], name: str) -> None:
    """Also where nothing states how long it lasts, as in raw H.264. Decoders are some frames behind what is read."""
    write_video(tmp_path / name, noise, VIDEOS[name])
    reader = read_video(tmp_path / name, threads=1)
    shares = [reader.share for _ in reader]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.5 < shares[-1] <= 1
    assert len(set(shares)) > 10


def test_how_far_an_animation_is_read(tmp_path: Path, noise: list[Pixels]) -> None:
    write_animation(tmp_path / "a.webp", noise[:4], "WEBP")
    reader = read_video(tmp_path / "a.webp")
    assert [reader.share for _ in reader] == [0.25, 0.5, 0.75, 1.0]


def test_a_range_that_ends_early_counts_as_all(tmp_path: Path, noise: list[Pixels]) -> None:
    write_video(tmp_path / "a.mp4", noise, VIDEOS["a.mp4"])
    reader = read_video(tmp_path / "a.mp4", sampling=Sampling(end_s=Fraction(2, 5)), threads=1)
    shares = [reader.share for _ in reader]
    assert len(shares) == 10
    assert shares[-1] == pytest.approx(0.9)


class _Shares(Silent):
    def __init__(self) -> None:
        self.shares: list[float] = []

    def reach(self, share: float) -> None:
        self.shares.append(share)


@pytest.mark.parametrize("workers", [1, 2])
def test_shares_of_an_ingest_rise_to_all(tmp_path: Path, noise: list[Pixels], workers: int) -> None:
    for number in range(3):
        write_video(tmp_path / "in" / f"{number}.mp4", noise[10 * number : 10 * number + 10], VIDEOS["a.mp4"])
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video" * 100)
    report = _Shares()
    ingest([tmp_path / "in"], Workspace(tmp_path / "w"), IngestOptions(workers=workers, crops=True), report)
    assert all(0 < share <= 1 for share in report.shares)
    assert report.shares[-1] == 1.0
    # How many frames are left is estimated anew with each, so a share may be a little less than the one before.
    assert np.diff(report.shares).min() > -0.05
    if workers == 1:
        assert len({share for share in report.shares if share < 1}) > 10


def test_one_long_video_has_a_share_and_a_time_left(
    tmp_path: Path, noise: list[Pixels], portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off a terminal: one line an interval, of a clock that goes on a second each time that it is asked."""
    write_video(tmp_path / "a.mp4", noise, VIDEOS["a.mp4"])
    seconds = iter(range(10_000))
    monkeypatch.setattr("fertools.core.progress.time.monotonic", lambda: float(next(seconds)))
    stream = io.StringIO()
    with Progress("ingest", "files", stream=stream, interval_s=10) as report:
        ingest([tmp_path / "a.mp4"], Workspace(tmp_path / "w"), IngestOptions(workers=1, crops=True), report)
    lines = [line for line in stream.getvalue().splitlines() if line.startswith("ingest: 0 of 1 files, ")]
    assert len(lines) >= 3
    for line in lines:
        assert " %, " in line
        assert "left" in line


def test_reading_much_is_told_too(tmp_path: Path, noise: list[Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_video(tmp_path / "in" / f"{number}.mp4", noise[10 * number : 10 * number + 10], VIDEOS["a.mp4"])
    told: list[str] = []

    class Told(Silent):
        def start(self, total: int) -> None:
            told.append(f"start {total}")

        def beside(self, words: str) -> None:
            told.append(words)

        def reach(self, share: float) -> None:
            told.append(f"{share:.2f}")

    monkeypatch.setattr("fertools.ingestion.plan.LONG_READING_BYTES", 0)
    options = IngestOptions(workers=1, crops=True)
    ingest([tmp_path / "in"], Workspace(tmp_path / "w"), options, Told())
    reading = told[: told.index("start 3", 1)]
    assert reading[:2] == ["start 3", "reading"]
    assert reading[2:] == sorted(reading[2:])
    assert (len(reading), reading[-1]) == (5, "1.00")
    # What was read before is known by its size and time.
    told.clear()
    ingest([tmp_path / "in"], Workspace(tmp_path / "w"), options, Told())
    assert told == ["start 0", ""]
