"""Compile the C++, once per instruction set that this machine's programs can use.

The build runs when a wheel is built or fertools is installed from source, and by hand with
`python -m fertools.core.native.build`. It needs a C++ compiler. Without one, fertools uses torch and NumPy.

This module imports nothing from fertools, because the build runs before the installation.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Levels of the x86-64 instruction set. Other processors use the compiler's minimum.
_LEVELS = {"x86_64": ("x86-64-v4", "x86-64-v3"), "AMD64": ("x86-64-v4", "x86-64-v3")}

# No number here is infinite or NaN, and the sign of a zero does not matter, so a maximum is one instruction.
_FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-shared"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-ffinite-math-only", "-ffp-contract=fast"),
)


class BuildError(Exception):
    """The networks were not compiled; the message has the reason."""


def levels() -> tuple[str, ...]:
    """Return the names of the instruction sets to compile for on this machine, the best first."""
    return _LEVELS.get(platform.machine(), (platform.machine(),))


def library_path(level: str, folder: Path = HERE) -> Path:
    """Return the path of the networks for a level; its name depends on the content of the sources."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.read_bytes())
    digest.update(" ".join(_FLAGS).encode())
    return folder / f"networks.{level}.{digest.hexdigest()[:12]}.so"


def build(folder: Path = HERE) -> list[Path]:
    """Compile the missing libraries, remove those of other sources, and return the paths.

    Raises:
        BuildError: there is no compiler, or it fails.
    """
    wanted = {library_path(level, folder): level for level in levels()}
    for path in set(folder.glob("networks.*.so")) - set(wanted):
        path.unlink()
    for path, level in wanted.items():
        if not path.exists():
            _compile(path, level)
    return list(wanted)


def _sources() -> list[Path]:
    return sorted([*HERE.glob("*.cpp"), *HERE.glob("*.hpp")])


def sanitized(folder: Path, level: str) -> Path:
    """Compile the networks with sanitizers, which stop at invalid memory accesses and undefined behaviour.

    They are several times slower. A process that loads them must start with the libraries of `sanitizer_runtimes`.

    Raises:
        BuildError: there is no compiler, or it fails.
    """
    path = folder / f"sanitized.{level}.so"
    _compile(path, level, ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"))
    return path


def sanitizer_runtimes() -> list[Path]:
    """Return the libraries that a process must load first (`LD_PRELOAD`) to load the result of `sanitized`.

    Raises:
        BuildError: there is no compiler, or it has no sanitizers.
    """
    found = []
    for name in ("libasan.so", "libubsan.so"):
        said = subprocess.run([_compiler(), f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        path = Path(said.stdout.strip())
        if not path.is_absolute():
            raise BuildError(f"the C++ compiler has no {name}; install GCC's sanitizers, such as Debian's libasan8")
        found.append(path)
    return found


def _compiler() -> str:
    named = os.environ.get("CXX")
    for name in [named] if named else ["c++", "g++", "clang++"]:
        if (found := shutil.which(name)) is not None:
            return found
    raise BuildError(f"there is no C++ compiler ({named or 'c++, g++ or clang++'}); install one, such as Debian's g++")


def _compile(path: Path, level: str, more: tuple[str, ...] = ()) -> None:
    compiler = _compiler()
    target = [f"-march={level}"] if level.startswith("x86-64") else []
    units = [str(source) for source in _sources() if source.suffix == ".cpp"]
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = Path(scratch) / path.name
        command = [compiler, *_FLAGS, *more, *target, *units, "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            raise BuildError(f"{compiler} does not compile the networks for {level}: {last}")
        made.replace(path)


if __name__ == "__main__":
    try:
        print(*build(), sep="\n")
    except BuildError as error:
        sys.exit(f"Error: {error}")
