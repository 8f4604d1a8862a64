"""What an ingest loses when it is killed: nothing that was committed, and nothing of the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.files import TEMPORARY_PREFIX
from fertools.core.workspace import Workspace
from fertools.faces.detection.detections import Detections
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.ingestion.engines import local
from fertools.ingestion.engines.base import Outcome
from fertools.ingestion.extract import Extracted, Extractor
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.plan import Item, Source
from fertools.ingestion.shared_progress import SharedProgress
from fertools.manifests import table_writer
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face

OPTIONS = ["--crop-px", "64", "--min-face", "24"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(6):
        write_clip(folder / f"{number}.mp4", moving_face(portrait, 5, step_px=number + 1))
    return folder


@pytest.fixture(scope="module")
def unbroken(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("unbroken"))
    ingest([clips], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    return workspace


def _contents(workspace: Workspace) -> dict[str, bytes]:
    files = [workspace.manifest, workspace.sources, *workspace.crops.rglob("*.*")]
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in files}


PROGRAM = "from fertools.cli.main import main; main()"
KILLED_BEFORE_A_COMMIT = """
import os, signal
from fertools.manifests import store
commit = store.commit_part
def commit_or_die(workspace, *arguments):
    if len(list(workspace.parts.glob("*.sources.parquet"))) >= int(os.environ["FERTOOLS_TEST_PARTS"]):
        os.killpg(0, signal.SIGKILL)
    commit(workspace, *arguments)
store.commit_part = commit_or_die
"""
"""Every Python that starts, a worker too, imports this as `sitecustomize`."""


def _command(workspace: Workspace, clips: Path, workers: int, program: str) -> list[str]:
    command = [sys.executable, "-c", program, "ingest", str(clips), *OPTIONS]
    return [*command, "--workspace", str(workspace.root), "--workers", str(workers)]


def _stop_when(
    workspace: Workspace,
    clips: Path,
    workers: int,
    ready: Callable[[], bool],
    how: signal.Signals,
    program: str = PROGRAM,
    kill: Callable[[int, int], None] = os.killpg,
) -> int:
    """Run an ingest, send it `how` as soon as `ready` holds, and return its exit code."""
    # A session of its own, so that the signal reaches every process as it does from a terminal.
    command = _command(workspace, clips, workers, program)
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not ready():
        time.sleep(0.005)
    if process.poll() is None:
        kill(process.pid, how)
    return process.wait(timeout=60)


@pytest.mark.parametrize(
    ("workers", "parts"),
    [
        (1, 1),
        (2, 0),
        (2, 3),
        pytest.param(1, 0, marks=pytest.mark.slow),
        pytest.param(1, 3, marks=pytest.mark.slow),
        pytest.param(2, 1, marks=pytest.mark.slow),
    ],
)
def test_killed_and_continued_equals_unbroken(
    clips: Path, unbroken: Workspace, tmp_path: Path, parts: int, workers: int
) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "sitecustomize.py").write_text(KILLED_BEFORE_A_COMMIT)
    changed = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}", "FERTOOLS_TEST_PARTS": str(parts)}
    # A session of its own, so that the kill reaches every process.
    command = _command(workspace, clips, workers, PROGRAM)
    ended = subprocess.run(command, start_new_session=True, check=False, env=os.environ | changed)
    assert ended.returncode == -signal.SIGKILL
    assert parts <= len(list(workspace.parts.glob("*.sources.parquet"))) < 6
    assert any(workspace.crops.rglob("*.jpg"))
    ingest([clips], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    assert _contents(workspace) == _contents(unbroken)
    assert not list(workspace.root.rglob(f"{TEMPORARY_PREFIX}*"))


@pytest.mark.parametrize(
    ("how", "code", "workers"),
    [
        (signal.SIGINT, 130, 2),
        (signal.SIGTERM, 143, 1),
        pytest.param(signal.SIGINT, 130, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, 2, marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_leaves_a_whole_manifest_and_says_so(
    clips: Path, unbroken: Workspace, tmp_path: Path, how: signal.Signals, code: int, workers: int
) -> None:
    workspace = Workspace(tmp_path)

    def ready() -> bool:
        return len(list(workspace.parts.glob("*.sources.parquet"))) >= 1

    assert _stop_when(workspace, clips, workers, ready, how) == code
    assert workspace.manifest.is_file()
    ingest([clips], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    assert _contents(workspace) == _contents(unbroken)


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_again_and_again_at_any_moment(clips: Path, unbroken: Workspace, tmp_path: Path, kills: int) -> None:
    rng = np.random.default_rng(11)
    whole = _written(unbroken)
    runs = killed = midway = 0
    workspace = Workspace(tmp_path / "0")
    while killed < kills:
        # By what was written and not by the clock: how long the work takes to begin differs from machine to machine.
        moment = _Moment(workspace, int(rng.integers(_written(workspace), whole + 1)), rng.uniform(0, 0.1))
        code = _stop_when(workspace, clips, 1 if killed % 4 else 2, moment, signal.SIGKILL)
        assert code in (0, -signal.SIGKILL)
        killed += code == -signal.SIGKILL
        if workspace.manifest.is_file():
            # It was through, or all but: the next run begins anew, so that kills hit what is under way.
            ingest([clips], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
            assert _contents(workspace) == _contents(unbroken)
            runs += 1
            workspace = Workspace(tmp_path / str(runs))
        else:
            midway += any(workspace.crops.rglob("*.*"))
    ingest([clips], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    assert _contents(workspace) == _contents(unbroken)
    assert midway >= kills // 3, "the kills fell before or after the work"


def _written(workspace: Workspace) -> int:
    return sum(path.is_file() for path in workspace.root.rglob("*.*"))


class _Moment:
    """The moment `later_s` after a workspace holds `files` files, told by being called again and again."""

    def __init__(self, workspace: Workspace, files: int, later_s: float) -> None:
        self._workspace, self._files, self._later_s = workspace, files, later_s
        self._reached_s: float | None = None

    def __call__(self) -> bool:
        if self._reached_s is None and _written(self._workspace) >= self._files:
            self._reached_s = time.monotonic()
        return self._reached_s is not None and time.monotonic() >= self._reached_s + self._later_s


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", moving_face(portrait, 60))


def test_a_long_video_goes_on_in_its_middle(long_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = IngestOptions(workers=1, crop_px=64, min_face=24, exhaustive=True)
    whole, broken = Workspace(tmp_path / "whole"), Workspace(tmp_path / "broken")
    ingest([long_clip], whole, options)

    def pieces() -> int:
        return len(list(broken.parts.glob("[!.]*.npz")))

    # Rows leave memory too before it is killed, and in other blocks than in the run that is not.
    program = "from fertools.ingestion import detection_cache; detection_cache.SAVE_INTERVAL_S = 0; "
    program += "from fertools.manifests import table_writer; table_writer.BLOCK_ROWS = 4; "
    program += "import sys; sys.argv.append('--exhaustive'); " + PROGRAM
    assert _stop_when(broken, long_clip, 1, lambda: pieces() >= 20, signal.SIGKILL, program) == -signal.SIGKILL
    assert {path.suffix for path in broken.parts.glob(".*")} <= {".npz"}, "the rows that left memory have a name"
    assert not list(broken.parts.glob("*.parquet")), "it was through before it was killed"
    before, searched = pieces(), 0
    real = MtcnnDetector.detect

    def counted(self: MtcnnDetector, frames: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        nonlocal searched
        searched += len(frames)
        return real(self, frames)

    monkeypatch.setattr(MtcnnDetector, "detect", counted)
    monkeypatch.setattr(table_writer, "BLOCK_ROWS", 4)
    ingest([long_clip], broken, options)
    assert searched == 60 - before
    assert _contents(broken) == _contents(whole)
    assert pieces() == 0


def test_workers_end_when_the_first_process_is_killed(clips: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workers: list[int] = []

    def ready() -> bool:
        return any(workspace.crops.rglob("*.jpg"))

    def kill_the_first_alone(process: int, number: int) -> None:
        workers.extend(_children(process))
        os.kill(process, number)

    assert _stop_when(workspace, clips, 2, ready, signal.SIGKILL, kill=kill_the_first_alone) == -signal.SIGKILL
    assert len(workers) >= 2
    end_s = time.monotonic() + 10
    while (alive := [worker for worker in workers if _is_alive(worker)]) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not alive


def _children(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children")
    if not children.exists():
        pytest.skip("this system does not list the children of a process")
    return [int(word) for word in children.read_text().split()]


def _is_alive(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def deadly(item: Item) -> list[Outcome]:
    """Do an item, but die on the sources named deadly, as a decoder that crashes would."""
    if any(source.path.stem == "deadly" for source in item.sources):
        os._exit(1)
    return local._do(item)


def test_a_worker_that_dies_takes_only_its_own_source(
    clips: Path, tmp_path: Path, portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for name, copy in (("0.mp4", "a.mp4"), ("1.mp4", "b.mp4"), ("3.mp4", "deadly.mp4")):
        shutil.copy(clips / name, folder / copy)
    # Pictures share an item, and one of them kills: the others must come through.
    for shade, name in ((0, "c.png"), (80, "deadly.png"), (160, "d.png")):
        cv2.imwrite(str(folder / name), np.full((40, 40, 3), shade, dtype=np.uint8))
    # Worker processes are fresh: they import this module, and in them `local._do` is the real one.
    monkeypatch.setattr(local, "_do", deadly)
    summary = ingest([folder], Workspace(tmp_path), IngestOptions(workers=2, crop_px=64, min_face=24))
    assert summary.sources == {"done": 2, "empty": 2, "failed": 2}
    assert sorted(Path(name).name for name, _ in summary.failures) == ["deadly.mp4", "deadly.png"]
    assert all("died" in reason for _, reason in summary.failures)


def hanging(item: Item) -> list[Outcome]:
    """Do an item, but never come back from the sources named hung, as from a file on a disk that went away."""
    real = Extractor.extract
    if real.__name__ == "extract":

        def stuck(self: Extractor, source: Source) -> Extracted:
            if source.path.stem == "hung":
                time.sleep(600)
            return real(self, source)

        Extractor.extract = stuck  # type: ignore[method-assign]  # this process is a worker, and the test's alone
    return local._do(item)


def test_a_worker_that_hangs_is_replaced_and_its_source_given_up_after_two_tries(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for name, copy in (("0.mp4", "a.mp4"), ("1.mp4", "b.mp4"), ("3.mp4", "hung.mp4")):
        shutil.copy(clips / name, folder / copy)
    monkeypatch.setattr(local, "_do", hanging)
    workspace, stalled = Workspace(tmp_path), SharedProgress.stalled

    def stalled_at_the_end(progress: SharedProgress, stall_s: float) -> list[int]:
        # However slow this machine is, the sources that are well are not taken for hung ones.
        well = len(list(workspace.parts.glob("*.sources.parquet"))) == 2
        return stalled(progress, stall_s) if well else []

    monkeypatch.setattr(SharedProgress, "stalled", stalled_at_the_end)
    options = IngestOptions(workers=2, crop_px=64, min_face=24, stall_s=1.5)
    summary = ingest([folder], workspace, options)
    assert summary.sources == {"done": 2, "failed": 1}
    ((name, reason),) = summary.failures
    assert Path(name).name == "hung.mp4"
    assert reason == "no progress for 1.5 s, tried twice"


def test_a_full_disk_is_one_sentence_and_what_was_committed_stays(
    clips: Path, unbroken: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    ingest([clips / "0.mp4"], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    before = workspace.manifest.read_bytes()
    # No file may grow beyond 1 kB, which the system refuses as it does a file on a full disk.
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY)); "
    ended = subprocess.run(_command(workspace, clips, 1, limit + PROGRAM), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1].startswith("fertools: cannot write ")
    assert "Traceback" not in ended.stderr
    assert workspace.manifest.read_bytes() == before
    ingest([clips], workspace, IngestOptions(workers=1, crop_px=64, min_face=24))
    assert _contents(workspace) == _contents(unbroken)
