"""Which files below the given folders are videos or pictures, in an order that never changes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fertools.core.errors import InputError

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".pgm"})

Kind = Literal["video", "image"]


@dataclass(frozen=True)
class Found:
    """One file that may be read.

    Attributes:
        path: where it is.
        below: the same, relative to the folder that was given; what naming rules look at.
        kind: video or image, by its suffix.
        given: name of the folder that was given, or of the one that holds the file that was given.
    """

    path: Path
    below: Path
    kind: Kind
    given: str = ""


def kind_of(path: Path) -> Kind | None:
    """Return what `path` is by its suffix, or None if it is neither video nor picture."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "image" if suffix in IMAGE_SUFFIXES else None


def discover(inputs: Sequence[Path], *, beside: Sequence[Path] = ()) -> list[Found]:
    """Return all videos and pictures in `inputs`, sorted by path, each once.

    Hidden files and folders (their names begin with a dot) are passed over. Links are followed, each folder once.

    Args:
        inputs: folders, searched to any depth, and files.
        beside: folders that are never entered, such as a workspace's own crops.

    Raises:
        InputError: an input does not exist, cannot be read, or lies in `beside`; or no video or picture is in any.
    """
    own = {folder.resolve() for folder in beside}
    found: dict[Path, Found] = {}
    for given in inputs:
        _refuse_own(given, own)
        if given.is_dir():
            for path in _walk(given, own):
                _add(found, path, path.relative_to(given), given.absolute().name)
        elif given.is_file():
            if kind_of(given) is None:
                raise InputError(
                    f"{given} is neither a video nor a picture that fertools reads; it reads {_suffixes()}"
                )
            _add(found, given, Path(given.name), given.absolute().parent.name)
        else:
            raise InputError(f"there is no file or folder {given}; give a folder of videos or pictures")
    if not found:
        places = ", ".join(str(path) for path in inputs)
        raise InputError(f"no video or picture in {places}; fertools reads {_suffixes()}")
    return [found[path] for path in sorted(found)]


def _add(found: dict[Path, Found], path: Path, below: Path, given: str) -> None:
    kind = kind_of(path)
    if kind is not None:
        found.setdefault(path.absolute(), Found(path.absolute(), below, kind, given))


def _refuse_own(given: Path, own: set[Path]) -> None:
    inside = given.resolve()
    if folder := next((folder for folder in (inside, *inside.parents) if folder in own), None):
        raise InputError(
            f"{given} is in {folder}, where this workspace keeps files of its own; "
            f"rename the folder, or choose another place for the dataset with --workspace"
        )


def _walk(folder: Path, own: set[Path]) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"cannot look into {error.filename}: {error.strerror}; allow it or leave it out") from error

    paths = []
    entered = {folder.resolve(), *own}
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        inside = {name: (Path(parent) / name).resolve() for name in sorted(folders) if not name.startswith(".")}
        # A link back to a folder above would otherwise be followed round and round.
        folders[:] = [name for name, real in inside.items() if real not in entered]
        entered.update(inside.values())
        paths += [Path(parent) / name for name in names if not name.startswith(".")]
    return paths


def _suffixes() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES | IMAGE_SUFFIXES))
