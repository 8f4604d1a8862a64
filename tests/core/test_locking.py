from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.core.locking import exclusive

HOLDER = """
import sys, time
from pathlib import Path
from fertools.core.locking import exclusive
with exclusive(Path(sys.argv[1]), "a holder"):
    print("held", flush=True)
    time.sleep(60)
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
