"""A killed run is resumed with the same result: kill -9, Ctrl-C and a full disk, in separate processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fertools.core.files import TEMPORARY_PREFIX
from fertools.core.workspace import Workspace
from tests.training.blobs import write_blobs
from tests.training.tiny import command_line, lasting, read_record, train_tiny

LONG = ("iterations=60", "checkpoint_every=5", "sample_every=20", "log_every=1", "ema=0.9")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
MAIN = "from fertools.cli.main import main; main()"


def start(workspace: Workspace, *overrides: str, before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"{before}\n{MAIN}", *command_line(*overrides), "-w", str(workspace.root)],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for_lines(workspace: Workspace, count: int, process: subprocess.Popen[str]) -> None:
    path = workspace.root / "training/stargan/smoke/metrics.jsonl"
    deadline_s = time.monotonic() + 60
    while not path.is_file() or len(path.read_bytes().splitlines()) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return lasting(train_tiny(write_blobs(tmp_path_factory.mktemp("unbroken")), *LONG).path)


def test_killed_twice_and_resumed_it_is_the_unbroken_run(tmp_path: Path, unbroken: dict[str, bytes]) -> None:
    workspace = write_blobs(tmp_path)
    for lines in np.sort(np.random.default_rng().integers(1, 45, 2)).tolist():
        process = start(workspace, *LONG)
        wait_for_lines(workspace, lines, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    result = train_tiny(workspace, *LONG)
    assert 0 < result.new_iterations <= 60
    assert lasting(result.path) == unbroken
    sessions = read_record(result.path)["sessions"]
    assert [session["from_iteration"] + session["iterations"] for session in sessions[:-1]] == [
        session["from_iteration"] for session in sessions[1:]
    ], "each session is credited with what it kept"
    assert not list(tmp_path.rglob(f"{TEMPORARY_PREFIX}*"))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupt_saves_the_state_and_loses_nothing(
    tmp_path: Path, unbroken: dict[str, bytes], number: signal.Signals, code: int
) -> None:
    workspace = write_blobs(tmp_path)
    process = start(workspace, *LONG)
    wait_for_lines(workspace, 3, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert "state saved; run the same command to resume" in err.splitlines()[-1]
    logged = len((workspace.root / "training/stargan/smoke/metrics.jsonl").read_text().splitlines())
    result = train_tiny(workspace, *LONG)
    assert result.new_iterations == 60 - logged, "not one iteration is done twice"
    assert lasting(result.path) == unbroken


@pytest.mark.parametrize(
    ("limit_bytes", "name"),
    [
        pytest.param(1_000, "pixels/faces-", marks=pytest.mark.slow),
        (30_000, "00000005.safetensors"),
        pytest.param(100_000, "report.html", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_after(
    tmp_path: Path, unbroken: dict[str, bytes], limit_bytes: int, name: str
) -> None:
    # No file may grow beyond the limit; the first that has to be larger fails, as on a full disk.
    workspace = write_blobs(tmp_path)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))"
    process = start(workspace, *LONG, before=limit)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.splitlines()[-1].startswith("fertools: cannot write ")
    assert name in err.splitlines()[-1]
    assert "larger than this disk allows" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert lasting(train_tiny(workspace, *LONG).path) == unbroken


def test_a_full_disk_while_a_line_is_written(tmp_path: Path) -> None:
    """The journal is the one file that grows in place."""
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom fertools.core.errors import StorageError\n"
        "from fertools.training.engine.journal import Journal, read_journal\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "path = Path(sys.argv[1])\n"
        "try:\n    with Journal(path, after=0) as journal:\n"
        "        for number in range(1, 99): journal.add(number, {'a': 0.5})\n"
        "except StorageError as error: print(error)\n"
        "print([entry['iteration'] for entry in read_journal(path)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.jsonl")], capture_output=True, text=True, check=True
    )
    message, kept = done.stdout.splitlines()
    assert "m.jsonl: the file would be larger than this disk allows" in message
    assert kept == "[1, 2, 3]"
