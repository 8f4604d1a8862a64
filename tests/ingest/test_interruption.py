"""What an ingest loses when it is killed: nothing that was committed, and nothing of the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.files import TEMPORARY_PREFIX
from fertools.core.workspace import Workspace
from fertools.ingest import local
from fertools.ingest.options import IngestOptions
from fertools.ingest.plan import Item
from fertools.ingest.run import ingest
from tests.conftest import write_clip
from tests.ingest.test_ingest import moving_face

OPTIONS = ["--crop-px", "64", "--min-face", "24"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(6):
        write_clip(folder / f"{number}.mp4", moving_face(portrait, 5, step_px=number + 1))
    return folder


@pytest.fixture(scope="module")
def unbroken(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.at(tmp_path_factory.mktemp("unbroken"))
    ingest(workspace, [clips], IngestOptions(workers=1, crop_px=64, min_face="24"))
    return workspace


def _contents(workspace: Workspace) -> dict[str, bytes]:
    files = [workspace.manifest, workspace.sources, *workspace.faces.rglob("*.*")]
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in files}


def _stop_when(workspace: Workspace, clips: Path, workers: int, ready: Callable[[], bool], how: signal.Signals) -> int:
    """Run an ingest, send it `how` as soon as `ready` holds, and return its exit code."""
    command = [sys.executable, "-c", "from fertools.cli.main import main; main()", "ingest", str(clips), *OPTIONS]
    command += ["--workspace", str(workspace.root), "--workers", str(workers)]
    # A session of its own, so that the signal reaches every process as it does from a terminal.
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not ready():
        time.sleep(0.005)
    if process.poll() is None:
        os.killpg(process.pid, how)
    return process.wait(timeout=60)


@pytest.mark.parametrize("parts", [0, 1, 3])
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_and_continued_equals_unbroken(
    clips: Path, unbroken: Workspace, tmp_path: Path, parts: int, workers: int
) -> None:
    workspace = Workspace.at(tmp_path)

    def ready() -> bool:
        committed = len(list(workspace.parts.glob("*.sources.parquet")))
        return committed >= parts and any(workspace.faces.rglob("*.jpg"))

    assert _stop_when(workspace, clips, workers, ready, signal.SIGKILL) == -signal.SIGKILL
    ingest(workspace, [clips], IngestOptions(workers=1, crop_px=64, min_face="24"))
    assert _contents(workspace) == _contents(unbroken)
    assert not list(workspace.root.rglob(f"{TEMPORARY_PREFIX}*"))


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_a_whole_manifest_and_says_so(
    clips: Path, unbroken: Workspace, tmp_path: Path, how: signal.Signals, code: int, workers: int
) -> None:
    workspace = Workspace.at(tmp_path)

    def ready() -> bool:
        return len(list(workspace.parts.glob("*.sources.parquet"))) >= 1

    assert _stop_when(workspace, clips, workers, ready, how) == code
    assert workspace.manifest.is_file()
    ingest(workspace, [clips], IngestOptions(workers=1, crop_px=64, min_face="24"))
    assert _contents(workspace) == _contents(unbroken)


def deadly(item: Item) -> list[local.Outcome]:
    """Do an item, but die on the source named 3.mp4, as a decoder that crashes would."""
    if item.sources[0].path.name == "3.mp4":
        os._exit(1)
    return local._do(item)


def test_a_worker_that_dies_takes_only_its_own_item(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.at(tmp_path)
    # Worker processes are fresh: they import this module, and in them `local._do` is the real one.
    monkeypatch.setattr(local, "_do", deadly)
    summary = ingest(workspace, [clips], IngestOptions(workers=2, crop_px=64, min_face="24"))
    assert summary.sources == {"done": 5, "failed": 1}
    assert summary.failures[0][0].endswith("3.mp4")
    assert "died" in summary.failures[0][1]
