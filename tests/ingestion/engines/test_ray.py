"""The Ray engine on clusters of this machine.

To run: `pip install ray`, then `pytest -m slow tests/ingestion/engines/test_ray.py`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import DeviceError, InputError
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face
from tests.ingestion.test_interruption import PROGRAM, _contents, _stop_when

pytestmark = [
    pytest.mark.slow,
    # Ray leaves sockets and log files of its own to the interpreter's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPTIONS = IngestOptions(workers=1, crop_px=64, min_face=24)


@pytest.fixture(autouse=True)
def _needed() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
    if not Path("/proc/self/stat").is_file():
        pytest.skip("this system does not list its processes in /proc")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """Eight videos, pictures, a broken file and a copy."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(8):
        write_clip(folder / f"{number}.mp4", moving_face(portrait, 40, step_px=number + 1))
    for shade in range(3):
        cv2.imwrite(str(folder / f"{shade}.png"), np.full((40, 40, 3), 80 * shade, dtype=np.uint8))
    (folder / "broken.mp4").write_bytes(b"this is no video" * 50)
    (folder / "z-copy.mp4").write_bytes((folder / "0.mp4").read_bytes())
    return folder


@pytest.fixture(scope="module")
def unbroken(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("unbroken"))
    ingest([clips], workspace, OPTIONS)
    return workspace


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of three machines, as Ray sees it, of which two have one processor to work on."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def _processes() -> dict[int, tuple[int, str]]:
    """Return the parent and the title of each process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(") ", 1)[1].split()[1])
            found[int(folder.name)] = parent, (folder / "cmdline").read_text().strip("\0 ")
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _workers(title: str) -> list[int]:
    """Return the Ray workers below this process whose title begins so: Ray writes there what they do."""
    processes = _processes()

    def is_ours(process: int) -> bool:
        while process in processes and process != os.getpid():
            process = processes[process][0]
        return process == os.getpid()

    return [process for process, (_, words) in processes.items() if words.startswith(title) and is_ours(process)]


class Killer(threading.Thread):
    """Kills workers at work, so many times, the first when `ready` holds."""

    def __init__(self, workspace: Workspace, times: int, committed: int = 0) -> None:
        super().__init__(daemon=True)
        self.workspace, self.times, self.committed = workspace, times, committed
        self.killed: list[int] = []
        self.over = False

    def run(self) -> None:
        while not self.over and len(self.killed) < self.times:
            time.sleep(0.01)
            if len(list(self.workspace.parts.glob("*.sources.parquet"))) < self.committed:
                continue
            if not (self.killed or any(self.workspace.crops.rglob("*.jpg"))):
                continue
            for process in _workers("ray::Worker.do")[:1]:
                if process not in self.killed:
                    os.kill(process, signal.SIGKILL)
                    self.killed.append(process)


def test_two_workers_give_the_bytes_of_one_machine_though_one_is_killed(
    cluster: Any, clips: Path, unbroken: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    killer = Killer(workspace, times=1, committed=2)
    killer.start()
    summary = ingest([clips], workspace, replace(OPTIONS, engine="ray", ray_address=cluster.address, workers=None))
    killer.over = True
    killer.join()
    assert len(killer.killed) == 1
    assert summary.sources == {"done": 8, "empty": 3, "failed": 1, "duplicate": 1}
    assert _contents(workspace) == _contents(unbroken)


def test_a_machine_that_goes_away_loses_nothing(cluster: Any, clips: Path, unbroken: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    gone = []

    def remove() -> None:
        while not any(workspace.parts.glob("*.sources.parquet")):
            time.sleep(0.01)
        # The head is the first.
        node = sorted(cluster.worker_nodes, key=lambda node: node.unique_id)[0]
        cluster.remove_node(node, allow_graceful=False)
        gone.append(node)

    remover = threading.Thread(target=remove, daemon=True)
    remover.start()
    ingest([clips], workspace, replace(OPTIONS, engine="ray", ray_address=cluster.address, workers=2))
    remover.join(30)
    assert len(gone) == 1
    assert _contents(workspace) == _contents(unbroken)


def test_a_source_that_kills_twice_fails_and_the_rest_goes_on(clips: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    killer = Killer(workspace, times=2)
    killer.start()
    # A single worker does one file, so that both deaths are its own.
    summary = ingest([clips / "0.mp4"], workspace, replace(OPTIONS, engine="ray"))
    killer.over = True
    killer.join()
    assert len(killer.killed) == 2
    ((name, reason),) = summary.failures
    assert Path(name).name == "0.mp4"
    assert reason == "the worker process died twice on it"
    again = ingest([clips / "0.mp4"], workspace, replace(OPTIONS, engine="ray", retry_failed=True))
    assert again.sources == {"done": 1}


def test_a_worker_that_hangs_is_replaced(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[int] = []

    def stop() -> None:
        while len(stopped) < 2:
            time.sleep(0.01)
            for process in _workers("ray::Worker.do"):
                if process not in stopped:
                    stopped.append(process)
                    os.kill(process, signal.SIGSTOP)

    stopper = threading.Thread(target=stop, daemon=True)
    stopper.start()
    summary = ingest([clips / "0.mp4"], Workspace(tmp_path), replace(OPTIONS, engine="ray", stall_s=2.0))
    stopper.join(10)
    ((_, reason),) = summary.failures
    assert reason == "no progress for 2 s, tried twice"


def test_progress_is_told_and_an_interrupt_is_gone_on_from(clips: Path, unbroken: Workspace, tmp_path: Path) -> None:
    import ray

    from fertools.core.progress import Silent

    class Stop(Silent):
        told: list[int]

        def advance(self, done: int, **counts: int) -> None:
            self.told.append(counts["frames"])
            if done >= 4:
                raise KeyboardInterrupt

    workspace, report = Workspace(tmp_path), Stop()
    report.told = []
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        ingest([clips], workspace, replace(OPTIONS, engine="ray", workers=2), report)
    assert max(report.told) > 0
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) == before
    # What one engine began another goes on with.
    assert ingest([clips], workspace, OPTIONS).new_sources > 0
    assert _contents(workspace) == _contents(unbroken)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["first process", "all"])
def test_a_signal_leaves_a_whole_manifest_and_says_so(
    clips: Path, unbroken: Workspace, tmp_path: Path, how: signal.Signals, code: int, kill: Callable[[int, int], None]
) -> None:
    workspace = Workspace(tmp_path)
    program = f"import sys; sys.argv += ['--engine', 'ray']; {PROGRAM}"

    def ready() -> bool:
        return len(list(workspace.parts.glob("*.sources.parquet"))) >= 3

    assert _stop_when(workspace, clips, 2, ready, how, program, kill) == code
    assert workspace.manifest.is_file()
    ingest([clips], workspace, OPTIONS)
    assert _contents(workspace) == _contents(unbroken)


def test_what_cannot_be_is_said(cluster: Any, clips: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, engine="ray", ray_address=cluster.address)
    with pytest.raises(DeviceError, match="one of a single machine"):
        ingest([clips], Workspace(tmp_path), replace(options, device="cuda:1"))
    with pytest.raises(DeviceError, match="on no machine of the Ray cluster"):
        ingest([clips], Workspace(tmp_path), replace(options, device="cuda"))


def test_a_cluster_that_is_not_there_is_said(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no Ray cluster at `ray_address` auto"):
        ingest([clips / "0.mp4"], Workspace(tmp_path), replace(OPTIONS, engine="ray", ray_address="auto"))
