"""How work is shared out over the processes and devices of one machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from fertools.core.workspace import Workspace
from fertools.ingestion.engines import local
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.shared_progress import SharedProgress


@pytest.fixture(autouse=True)
def _not_a_worker() -> Iterator[None]:
    yield
    local._progress = None


def test_workers_share_out_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(local, "_begin", lambda workspace, options, steps, device, *rest: taken.append(device))
    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    progress = SharedProgress(multiprocessing.get_context("spawn"), 3)
    for _ in range(3):
        local._begin_worker(Workspace(tmp_path), IngestOptions(), [], ["cuda:0", "cuda:1"], 1, progress)
    assert taken == ["cuda:0", "cuda:1", "cuda:0"]


def test_as_many_processes_as_gpus(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processors stand for two GPUs: all that differs is where the networks lie."""
    crews: list[int] = []
    pool = local._WorkerPool._pool

    def counted(self: local._WorkerPool, workers: int) -> local._Executor:
        crews.append(workers)
        return pool(self, workers)

    monkeypatch.setattr("fertools.ingestion.ingest.choose_device", lambda name: "cuda")
    monkeypatch.setattr(local, "spread", lambda device: ["cpu", "cpu"])
    monkeypatch.setattr(local._WorkerPool, "_pool", counted)
    summary = ingest([videos], Workspace(tmp_path), IngestOptions(crop_px=64, min_face=24))
    assert crews[0] == 2
    assert summary.sources["done"] >= 3
