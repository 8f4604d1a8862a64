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
    """

    path: Path
    below: Path
    kind: Kind


def kind_of(path: Path) -> Kind | None:
    """Return what `path` is by its suffix, or None if it is neither video nor picture."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "image" if suffix in IMAGE_SUFFIXES else None


def discover(inputs: Sequence[Path], *, beside: Sequence[Path] = ()) -> list[Found]:
    """Return all videos and pictures in `inputs`, sorted by path, each once.

    Hidden files and folders (their names begin with a dot) are passed over.

    Args:
        inputs: folders, searched to any depth, and files.
        beside: folders that are never entered, such as a workspace's own crops.

    Raises:
        InputError: an input does not exist, cannot be read, or no video or picture is in any of them.
    """
    own = {folder.resolve() for folder in beside}
    found: dict[Path, Found] = {}
    for given in inputs:
        if given.is_dir():
            for path in _walk(given, own):
                _add(found, path, path.relative_to(given))
        elif given.is_file():
            if kind_of(given) is None:
                raise InputError(
                    f"{given} is neither a video nor a picture that fertools reads; it reads {_suffixes()}"
                )
            _add(found, given, Path(given.name))
        else:
            raise InputError(f"there is no file or folder {given}; give a folder of videos or pictures")
    if not found:
        places = ", ".join(str(path) for path in inputs)
        raise InputError(f"no video or picture in {places}; fertools reads {_suffixes()}")
    return [found[path] for path in sorted(found)]


def _add(found: dict[Path, Found], path: Path, below: Path) -> None:
    kind = kind_of(path)
    if kind is not None:
        found.setdefault(path.absolute(), Found(path.absolute(), below, kind))


def _walk(folder: Path, own: set[Path]) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"cannot look into {error.filename}: {error.strerror}; allow it or leave it out") from error

    paths = []
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(parent) / name).resolve() not in own
        )
        paths += [Path(parent) / name for name in names if not name.startswith(".")]
    return paths


def _suffixes() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES | IMAGE_SUFFIXES))
