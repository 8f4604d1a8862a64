"""Sessions of nox: the suite on each Python, with the newest and the oldest dependencies, the linters and the release.

`nox -l` lists them. uv makes the environments. Tests need Chromium, ffmpeg and g++, as CONTRIBUTING.md says.
"""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")
"""The Pythons of `pyproject.toml`."""
NOT_LINTERS = "not linters and not prose"
"""Linters differ from version to version, so they only run with the pinned ones."""
NATIVE = "from fertools.core.native.library import library; assert library()"
"""A program that fails if the compiled networks are missing."""

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "tests"]
nox.needs_version = ">=2024.10"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite with the newest dependencies that the ranges allow."""
    # Environments of uv have no pip, which installs the wheel that the tests build.
    session.install("-e", ".[dev]", "pip")
    session.run("python", "-m", "pytest", "-k", NOT_LINTERS, *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the suite with the oldest direct dependencies that the ranges allow."""
    # The test client of the oldest Starlette needs httpx, that of the newest httpx2. The oldest pip is of 2008.
    session.install("--resolution", "lowest-direct", "-e", ".[dev]", "pip>=24", "httpx>=0.27")
    session.run("python", "-m", "pytest", "-k", NOT_LINTERS, *session.posargs)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Run ruff and mypy in the versions of constraints.txt."""
    session.install("-c", "constraints.txt", "torch")
    session.install("--no-deps", "-r", "constraints.txt", "-e", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(python=PYTHONS[0])
def build(session: nox.Session) -> None:
    """Build the sdist and a wheel with compiled networks into dist/, and check what an index would say of them."""
    session.install("build", "twine")
    session.run("python", "-m", "build", env={"FERTOOLS_REQUIRE_NATIVE": "1"})
    session.run("twine", "check", "--strict", *_built())


@nox.session(python=PYTHONS)
def installed(session: nox.Session) -> None:
    """Install the wheel of `build` into an empty environment, and draw and ingest a dataset with it."""
    session.install(*(path for path in _built() if path.endswith(".whl")))
    folder = session.create_tmp()
    session.chdir(folder)
    session.run("python", "-c", NATIVE)
    session.run("fertools", "doctor")
    session.run("fertools", "sample", "drawn", "--people", "2", "--frames", "4", "--stills", "0")
    session.run("fertools", "ingest", "drawn/videos")
    session.run("fertools", "validate")


def _built() -> list[str]:
    return [str(path) for path in sorted(Path("dist").resolve().iterdir())]
