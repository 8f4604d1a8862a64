from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fertools.core.errors import InputError, StorageError
from fertools.core.locking import exclusive

HOLDER = """
import sys, time
from pathlib import Path
from fertools.core.locking import exclusive
with exclusive(Path(sys.argv[1]), "a holder"):
    print("held", flush=True)
    time.sleep(60)
"""

WAITER = """
import sys
from pathlib import Path
from fertools.core.locking import exclusive, waiting
with waiting(), exclusive(Path(sys.argv[1]), "a waiter"):
    print("held too", flush=True)
"""


def test_a_second_comer_is_refused_until_the_holder_dies(tmp_path: Path) -> None:
    path = tmp_path / "manifests" / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="is in use: a split has to wait"), exclusive(path, "a split"):
            pytest.fail("the lock was given twice")
        process.kill()
    with exclusive(path, "a split"):
        assert path.read_bytes() == b""


def test_an_error_inside_gives_the_lock_back(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"), exclusive(tmp_path / "a" / ".lock", "a test"):
        fail()
    with exclusive(tmp_path / "a" / ".lock", "a test"):
        pass


def _run(program: str, path: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=pipe, stderr=pipe, text=True)


def test_a_second_comer_may_wait(tmp_path: Path) -> None:
    path = tmp_path / "manifests" / ".lock"
    with _run(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with _run(WAITER, path) as waiter:
            assert waiter.stderr is not None
            waits = waiter.stderr.readline()
            assert waits == f"fertools: {tmp_path} is in use; a waiter waits until the other command there ends\n"
            assert waiter.poll() is None
            holder.kill()
            assert waiter.communicate() == ("held too\n", "")


@pytest.mark.parametrize("made_again", [False, True])
def test_a_place_that_is_removed_under_way_is_said(tmp_path: Path, made_again: bool) -> None:
    path = tmp_path / "dataset" / "manifests" / ".lock"

    def work() -> None:
        with exclusive(path, "a split"):
            shutil.rmtree(tmp_path / "dataset")
            if made_again:
                path.parent.mkdir(parents=True)
                path.touch()

    with pytest.raises(StorageError, match="dataset was removed while a split ran"):
        work()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifests").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*\.lock: a part of that path is a file"):
        exclusive(tmp_path / "manifests" / ".lock", "a split").__enter__()
