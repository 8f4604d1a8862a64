"""What the machine refuses, and what no file system can name: exit 2, one sentence, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from tests.annotations.rating_events import event, face_id, rating_workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    workspace = rating_workspace(root, faces=8)
    with RatingLog(workspace.ratings_log) as log:
        for rater in ("r01", "r02"):
            rated = [event("rate", faces=[face_id(n)], valence=n / 10, arousal=0.0) for n in range(8)]
            log.append(rater, rated)
    return root


@pytest.fixture
def workspace(kept: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(kept, tmp_path / "w")
    return Workspace(tmp_path / "w")


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell in which `$fertools` is the command."""
    program = f"{sys.executable} -m fertools"
    environment = os.environ | {"fertools": program, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True)


def refused(ended: subprocess.CompletedProcess[bytes], words: str) -> None:
    lines = ended.stderr.decode().strip().splitlines()
    assert ended.returncode == 2, ended
    assert len(lines) == 1, ended
    assert lines[0].startswith("fertools: ")
    assert words in lines[0]


@pytest.mark.parametrize("command", ["show", "show --json", "validate", "--help"])
def test_a_full_standard_output(workspace: Workspace, command: str) -> None:
    refused(shell(workspace.root, f"$fertools {command} > /dev/full"), "cannot write standard output: No space left")


@pytest.mark.parametrize("command", ["show", "annotate --va --prior"])
def test_a_closed_standard_output_is_refused_before_anything_is_done(workspace: Workspace, command: str) -> None:
    before = workspace.manifest.read_bytes()
    refused(shell(workspace.root, f"$fertools {command} >&-"), "standard output is closed")
    assert workspace.manifest.read_bytes() == before


def test_closed_errors_go_into_no_file(workspace: Workspace) -> None:
    ended = shell(workspace.root, "$fertools annotate agreement 2>&-; echo $?; $fertools show -w none 2>&-")
    assert (ended.stdout.splitlines()[-1], ended.returncode, ended.stderr) == (b"0", 2, b"")


def test_a_reader_that_goes_away_is_no_error(workspace: Workspace) -> None:
    ended = shell(workspace.root, "$fertools show | true; echo ${PIPESTATUS[0]}")
    assert (ended.stdout, ended.stderr) == (b"0\n", b"")


def test_a_removed_working_directory(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    refused(shell(tmp_path, "cd gone; rmdir ../gone; $fertools show"), "has been removed; change to another")


@pytest.mark.parametrize(
    ("imported", "command", "words"),
    [
        ("fertools.cli.main", "validate", "limit of open files"),
        ("fertools.cli.validate, fertools.manifests.validation", "validate", "limit of open files"),
        ("fertools.cli.train, fertools.training.runs.configuration", "train stargan --explain", "open files"),
    ],
)
def test_a_limit_of_open_files(workspace: Workspace, imported: str, command: str, words: str) -> None:
    # From here on nothing more can be opened; what is imported before says how far the command comes.
    limit = "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))"
    arguments = ["fertools", *command.split()]
    program = (
        f"import resource, sys, {imported}; from fertools.cli.main import main; {limit}; sys.argv = {arguments}; main()"
    )
    refused(shell(workspace.root, f'{sys.executable} -c "{program}"'), words)


@pytest.fixture
def read_only(workspace: Workspace) -> Iterator[str]:
    """A workspace that may not be written; what holds the superuser to it, too, to stand before a command."""
    folders = [workspace.root, *(path for path in workspace.root.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    for path in workspace.root.rglob("*.*"):
        path.chmod(0o444)
    yield "setpriv --bounding-set=-dac_override" if os.geteuid() == 0 else ""
    for path in folders:
        path.chmod(0o755)


@pytest.mark.parametrize(
    "command",
    [
        "annotate --va --prior --overwrite",
        "split --loso",
        "ingest clip.webm",
        "recrop",
        "annotate publish",
        "annotate agreement",
    ],
)
def test_a_read_only_workspace(workspace: Workspace, read_only: str, command: str) -> None:
    refused(shell(workspace.root, f"{read_only} $fertools {command}"), str(workspace.root))


def test_a_name_that_is_no_text(workspace: Workspace) -> None:
    ended = shell(workspace.root, r"$fertools show --sheet $'a\xff.png'; $fertools show --json -w $'b\xff'")
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr
    assert rb"a\udcff.png" in ended.stdout
    assert (workspace.root / os.fsdecode(b"a\xff.png")).is_file()
