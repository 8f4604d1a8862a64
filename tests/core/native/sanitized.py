"""`python -m tests.core.native.sanitized`: the tests of compiled code, with that compiled under sanitizers.

Any byte read or written that is not the code's own, and any arithmetic that C++ leaves undefined, ends the run with the
place in the source. It is done once for each instruction set that this processor has.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fertools.core.native import library as loading
from fertools.core.native.build import BuildError, levels, sanitized, sanitizer_runtimes

TESTS = tuple(
    Path(__file__).parents[2] / name
    for name in (
        "core/native/test_library.py",
        "faces/test_resampling.py",
        "faces/detection/mtcnn/test_boxes.py",
        "splits/audit/test_near_duplicates.py",
    )
)
_LEVEL, _FILE = "FERTOOLS_SANITIZED_LEVEL", "FERTOOLS_SANITIZED_FILE"


def pytest_configure() -> None:
    """As a plugin of pytest: have the sanitized file loaded in place of the usual one."""
    level, path = os.environ[_LEVEL], Path(os.environ[_FILE])
    patch = pytest.MonkeyPatch()
    patch.setattr(loading, "levels", lambda: (level,))
    patch.setattr(loading, "library_path", lambda _: path)
    if loading.library() is None:
        pytest.exit(f"this processor does not run {level}", returncode=0)


def environment() -> dict[str, str]:
    """Return the environment in which a process can load what is sanitized."""
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(map(str, sanitizer_runtimes())),
        # Python and torch keep memory to their end; what they leave is not asked for.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }


def main() -> int:
    """Return 0 if all tests passed for every instruction set, else pytest's code for the first that did not."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "tests.core.native.sanitized"]
    with tempfile.TemporaryDirectory() as folder:
        for level in levels():
            print(f"{level}:", flush=True)
            told = {_LEVEL: level, _FILE: str(sanitized(Path(folder), level))}
            done = subprocess.run([*command, *map(str, TESTS)], env=environment() | told, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BuildError as error:
        sys.exit(f"Error: {error}")
