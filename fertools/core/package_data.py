"""Find and read package data: TOML files that describe datasets, labels and models.

The folders `manifests/`, `annotations/` and `training/` contain TOML and no Python. In a checkout they are beside the
package; in a wheel they are inside it, in `fertools/_package_data/`. A workspace may have files of the same names,
which take precedence. Only this module knows these paths.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from fertools.core.errors import InputError
from fertools.core.toml import parse_toml

Kind = Literal["manifests", "annotations", "training"]

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(kind: Kind) -> Path:
    """Return the folder of `kind` that is shipped with fertools."""
    installed = _PACKAGE / "_package_data" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def find(kind: Kind, name: str, workspace: Path | None = None) -> Path:
    """Return the path of `name`.toml of `kind`: the workspace's own file if there is one, else the shipped file.

    Args:
        kind: name of one of the three folders.
        name: name of the file without `.toml`, such as `lexicon` or `stargan`.
        workspace: root folder of a workspace whose files take precedence; None for shipped files only.

    Raises:
        InputError: there is no such file.
    """
    folders = [workspace / kind] if workspace is not None else []
    folders.append(shipped_folder(kind))
    for folder in folders:
        if (path := folder / f"{name}.toml").is_file():
            return path
    known = ", ".join(names(kind, workspace))
    raise InputError(f"there is no {kind}/{name}.toml; known there: {known or 'nothing'}")


def names(kind: Kind, workspace: Path | None = None) -> list[str]:
    """Return the names of all files of `kind`, shipped and in the workspace, in alphabetical order."""
    folders = [shipped_folder(kind)] + ([workspace / kind] if workspace is not None else [])
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


def load(kind: Kind, name: str, workspace: Path | None = None) -> dict[str, Any]:
    """Return the parsed content of `find(kind, name, workspace)`.

    Raises:
        InputError: there is no such file, or it is not valid TOML.
    """
    return read_toml(find(kind, name, workspace))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the parsed content of a TOML file; it is parsed again only if the file changes.

    Raises:
        InputError: the file cannot be read or is not valid TOML; the message has its line.
    """
    try:
        return _parse(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


@lru_cache(maxsize=64)
def _parse(path: Path, mtime_ns: int) -> dict[str, Any]:
    return parse_toml(path.read_bytes(), path)
