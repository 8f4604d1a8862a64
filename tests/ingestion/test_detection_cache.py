from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.faces.detection.detections import Detections
from fertools.ingestion import detection_cache
from fertools.ingestion.detection_cache import DetectionCache, drop_cache, drop_caches


def _detections(count: int, seed: int = 0) -> Detections:
    rng = np.random.default_rng(seed)
    return Detections(*(rng.normal(0, 1e3, (count, *shape)).astype(np.float32) for shape in ((4,), (), (5, 2))))


def _same(one: Detections | None, other: Detections) -> bool:
    return one is not None and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("boxes", "scores", "landmarks")
    )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection_cache, "SAVE_INTERVAL_S", 0.0)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(0, 5))
@settings(deadline=None, max_examples=25)
def test_what_is_written_is_read_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], every: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    kept = DetectionCache(folder, "a")
    step = every + 1
    given_ = {number * step: _detections(count, number) for number, count in enumerate(counts)}
    for index, found in given_.items():
        kept.add(index, found)
    kept.save()
    read = DetectionCache(folder, "a")
    assert all(_same(read.known(index), found) for index, found in given_.items())
    assert read.known(len(counts) * step) is None


def test_nothing_is_written_before_it_is_time(tmp_path: Path) -> None:
    DetectionCache(tmp_path, "a").add(0, _detections(2))
    assert not list(tmp_path.iterdir())


def test_videos_do_not_mix(tmp_path: Path, at_once: None) -> None:
    DetectionCache(tmp_path, "a").add(0, _detections(2))
    assert DetectionCache(tmp_path, "b").known(0) is None
    assert DetectionCache(tmp_path, "a").known(0) is not None


def test_what_was_read_is_not_written_again(tmp_path: Path, at_once: None) -> None:
    first = DetectionCache(tmp_path, "a")
    for index in range(3):
        first.add(index, _detections(1, index))
    names = sorted(path.name for path in tmp_path.iterdir())
    second = DetectionCache(tmp_path, "a")
    for index in range(3):
        second.add(index, _detections(1, index))
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    second.add(3, _detections(0))
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, at_once: None, content: bytes) -> None:
    DetectionCache(tmp_path, "a").add(0, _detections(2))
    for path in tmp_path.iterdir():
        path.write_bytes(content)
    assert DetectionCache(tmp_path, "a").known(0) is None


def test_dropping(tmp_path: Path, at_once: None) -> None:
    for name in ("a", "b", "c"):
        DetectionCache(tmp_path, name).add(0, _detections(1))
    (tmp_path / "a.faces.parquet").touch()
    drop_cache(tmp_path, "a")
    drop_caches(tmp_path, keep={"b"})
    assert sorted(path.name.split(".")[0] for path in tmp_path.glob("*.npz")) == ["b"]
    assert (tmp_path / "a.faces.parquet").exists()


def test_hours_of_findings_are_not_read_at_once(tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = DetectionCache(tmp_path, "a")
    for index in range(0, 40, 2):
        first.add(index, _detections(1, index))
    read: list[Path] = []
    real = detection_cache._read

    def watched(piece: Path) -> dict[int, Detections]:
        read.append(piece)
        return real(piece)

    monkeypatch.setattr(detection_cache, "_read", watched)
    second = DetectionCache(tmp_path, "a")
    assert not read
    for index in range(0, 20, 2):
        assert second.known(index) is not None
        assert second.known(index + 1) is None
        second.add(index, _detections(1, index))
        assert len(read) == index // 2 + 1
        assert len(second._known) == 0
    # Asked for out of order, as by a search that looks ahead, all are found too.
    assert second.known(38) is not None
    assert second.known(20) is not None
