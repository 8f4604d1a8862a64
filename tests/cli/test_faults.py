"""The table of faults in docs/how-to/ingest.md: for each, its line on the screen and in the sources table, its code."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.ingestion.plan import make_plan
from fertools.manifests import store
from fertools.sources.archives.opened import hash_content
from tests.cli.conftest import Ended, Run
from tests.conftest import write_clip

GOOD = "good.png"
NOISE = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)


def _grey(height: int, width: int) -> Callable[[Path], None]:
    return _holds(cv2.imencode(".png", np.full((height, width), 90, np.uint8))[1].tobytes())


def _holds(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _cut_picture(path: Path) -> None:
    whole = cv2.imencode(path.suffix, NOISE[0])[1].tobytes()
    path.write_bytes(whole[: len(whole) // 2])


def _cut_video(path: Path) -> None:
    write_clip(path, list(NOISE), codec="ffv1" if path.suffix == ".mkv" else "libx264", rate=5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _tiny_video(path: Path) -> None:
    write_clip(path, [np.zeros((1, 1, 3), np.uint8)] * 3, codec="ffv1")


def _wide_video(path: Path) -> None:
    write_clip(path, [np.full((64, 20_000, 3), 90, np.uint8)] * 2, codec="ffv1")


def _sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())


FAULTS = [
    ("zero.mp4", _holds(b""), "failed", "the file is empty (0 bytes)"),
    ("zero.png", _holds(b""), "failed", "the file is empty (0 bytes)"),
    ("text.mp4", _holds(b"no video" * 50), "failed", "it cannot be decoded as a video"),
    ("text.jpg", _holds(b"no picture" * 50), "failed", "it is not a picture"),
    ("cut.png", _cut_picture, "failed", "cannot read it: image file is truncated"),
    ("cut.jpg", _cut_picture, "failed", "cannot read it: image file is truncated"),
    ("cut.mp4", _cut_video, "failed", "it cannot be decoded as a video"),
    ("cut.mkv", _cut_video, "empty", "lasts until 4.0 s; it was cut off"),
    ("sound.mp4", _sound, "failed", "it has no video stream"),
    ("tiny.png", _grey(1, 1), "empty", "it is 1 x 1 px, too small for a face"),
    ("tiny.mkv", _tiny_video, "empty", "it is 1 x 1 px, too small for a face"),
    ("wide.png", _grey(64, 20_000), "empty", None),
    ("wide.mkv", _wide_video, "empty", None),
    ("large.png", _grey(5_000, 20_000), "failed", "it has too many pixels to be a photograph"),
    ("a b.png", _holds(b"no picture"), "failed", "it is not a picture"),
    ("new\nline.png", _holds(b"no picture"), "failed", "it is not a picture"),
    (os.fsdecode(b"caf\xe9.png"), _holds(b"no picture"), "failed", "it is not a picture"),
]


def _ingest(fertools: Run) -> Ended:
    return fertools("ingest", "given", "--workers", "1", "--min-face", "24", "--crop-px", "32")


def _check(ended: Ended, root: Path, name: str, status: str, reason: str | None) -> None:
    """Assert one line on the screen and one in the table, and that the good picture beside came through."""
    workspace = Workspace(root)
    rows: dict[str, dict[str, Any]] = {row["path"]: row for row in store.read_sources(workspace).to_pylist()}
    written = workspace.name_of(root / "given" / name)
    assert rows.keys() == {f"given/{GOOD}", written}
    assert (rows[f"given/{GOOD}"]["status"], rows[written]["status"]) == ("empty", status)
    shown = written.replace("\n", "\\n")
    lines = [line for line in ended.err.splitlines() if shown in line]
    if reason is None:
        assert (rows[written]["reason"], lines) == (None, [])
    else:
        assert reason in rows[written]["reason"]
        assert "\n" not in rows[written]["reason"]
        assert lines == [f"{status}: {shown}: {rows[written]['reason']}"]
    assert ended.code == (3 if status == "failed" else 0)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("name", "write", "status", "reason"), FAULTS, ids=[ascii(fault[0])[1:-1] for fault in FAULTS])
def test_each_fault_is_one_line_and_the_rest_comes_through(
    fertools: Run, tmp_path: Path, name: str, write: Callable[[Path], None], status: str, reason: str | None
) -> None:
    (tmp_path / "given").mkdir()
    _grey(48, 48)(tmp_path / "given" / GOOD)
    write(tmp_path / "given" / name)
    _check(_ingest(fertools), tmp_path, name, status, reason)
    again = _ingest(fertools)
    assert again.code == (3 if status == "failed" else 0), "a second run says so again"


def test_the_totals_of_all_faults_balance(fertools: Run, tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    (tmp_path / "given").mkdir()
    for name, write, _, _ in FAULTS:
        write(tmp_path / "given" / name)
    cv2.imwrite(str(tmp_path / "given" / "portrait.png"), portrait[..., ::-1])
    cv2.imwrite(str(tmp_path / "given" / "small.png"), cv2.resize(portrait[..., ::-1], (90, 90)))
    shutil.copy(tmp_path / "given" / "portrait.png", tmp_path / "given" / "z-copy.png")
    ended = fertools("ingest", "given", "--workers", "1", "--json")
    totals = json.loads(ended.out)
    assert ended.code == 3
    assert totals["files given"] == sum(totals["sources"].values()) == len(FAULTS) + 3
    assert totals["sources"].keys() == {"done", "empty", "failed", "duplicate"}
    assert totals["faces detected"] == totals["faces kept"] + sum(totals["faces rejected"].values()) >= 2
    assert totals["faces rejected"]["too_small"] == 1
    assert len(totals["failures"]) == totals["sources"]["failed"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EACCES, "cannot be read: Permission denied"), (errno.EIO, "cannot be read: Input/output error")],
)
def test_a_file_that_the_system_refuses(
    fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    (tmp_path / "given").mkdir()
    _grey(48, 48)(tmp_path / "given" / GOOD)
    _grey(40, 40)(tmp_path / "given" / "locked.png")

    def refuse(path: Path) -> str:
        # The superuser may read everything and disks seldom break, so the answer of the system is given here.
        if path.name == "locked.png":
            raise OSError(number, os.strerror(number))
        return hash_content(path)

    monkeypatch.setattr("fertools.ingestion.plan.hash_content", refuse)
    _check(_ingest(fertools), tmp_path, "locked.png", "failed", reason)


def _obey_permissions() -> None:
    """Take from a superuser, in a process that is about to start, the right to read every file."""
    if os.geteuid() == 0:
        drop_from_bounding_set, override, read_search = 24, 1, 2
        for capability in (override, read_search):
            assert ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0) == 0


def test_a_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    _grey(48, 48)(tmp_path / "given" / GOOD)
    _grey(40, 40)(tmp_path / "given" / "locked.png")
    (tmp_path / "given" / "locked.png").chmod(0)
    done = subprocess.run(
        [sys.executable, "-m", "fertools", "ingest", "given", "--workers", "1", "--min-face", "24"],
        cwd=tmp_path,
        preexec_fn=_obey_permissions,
        capture_output=True,
        text=True,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr)
    _check(ended, tmp_path, "locked.png", "failed", "cannot be read: Permission denied")


@pytest.mark.parametrize("name", ["a.mkv", "a.png"])
def test_a_folder_that_vanishes_during_the_run(
    fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "given" / "disk"
    folder.mkdir(parents=True)
    _grey(48, 48)(tmp_path / "given" / GOOD)
    _tiny_video(folder / name) if name.endswith("mkv") else _grey(40, 40)(folder / name)
    kept = Path(shutil.copytree(folder, tmp_path / "kept"))

    def and_gone(*arguments: Any) -> Any:
        planned = make_plan(*arguments)
        shutil.rmtree(folder)
        return planned

    with monkeypatch.context() as patch:
        patch.setattr("fertools.ingestion.ingest.make_plan", and_gone)
        ended = _ingest(fertools)
    _check(ended, tmp_path, f"disk/{name}", "failed", "cannot read it: No such file or directory")
    shutil.copytree(kept, folder)
    assert (
        fertools("ingest", "given", "--workers", "1", "--min-face", "24", "--crop-px", "32", "--retry-failed").code == 0
    )


def test_a_folder_that_may_not_be_entered_is_named_before_anything_is_done(
    fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "given" / "locked").mkdir(parents=True)
    _grey(48, 48)(tmp_path / "given" / GOOD)
    real = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ended = _ingest(fertools)
    assert ended.code == 2
    assert "locked: Permission denied" in ended.err


def test_a_recrop_names_the_sources_that_are_gone(fertools: Run, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    for name, side in (("a.png", 40), ("b.png", 44)):
        _grey(side, side)(tmp_path / "given" / name)
    assert fertools("ingest", "given", "--crops", "--workers", "1").code == 0
    (tmp_path / "given" / "a.png").unlink()
    ended = fertools("recrop", "--template", "centre", "--crop-px", "32", "--json")
    assert ended.code == 3
    totals = json.loads(ended.out)
    assert (totals["crops written"], totals["faces lost"]) == (1, 1)
    assert ended.err.splitlines()[0] == "failed: given/a.png: it cannot be read: No such file or directory"
