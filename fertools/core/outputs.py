"""Write output files to a folder of the user without changing any other file there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fertools.core import files
from fertools.core.arguments import given
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes


def write_outputs(contents: Mapping[Path, str | bytes], folder: Path, *, overwrite: bool = False) -> None:
    """Write files into a folder, after checking that none of them replaces another file.

    A file that already has the same content is left unchanged, so a command can be repeated.

    Args:
        contents: content of each file by its path.
        folder: folder that must contain all paths after resolving links.
        overwrite: replace existing files with other content.

    Raises:
        InputError: a path leaves the folder, is a folder, or is a file with other content. Nothing was written.
        StorageError: the disk is full or the folder cannot be written.
    """
    coded = {path: text.encode() if isinstance(text, str) else text for path, text in contents.items()}
    home = folder.resolve()
    for path in coded:
        if not path.parent.resolve().is_relative_to(home):
            raise InputError(f"{path} leads out of {folder}; name another folder")
        if path.is_dir():
            raise InputError(f"{path} is a folder, and a file belongs there; name another place")
    changed = [path for path, content in coded.items() if not _holds(path, content)]
    there = [path for path in changed if path.exists() or path.is_symlink()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise InputError(
            f"{there[0]}{more} would be replaced; name another place, or replace files with {given('overwrite', True)}"
        )
    for path in changed:
        files.write_bytes(path, coded[path])


def safe_name(text: str) -> str:
    """Return a text from a table as the name of a file or folder, which cannot lead out of a folder.

    A plain text stays unchanged. In another, strange signs become `_`, and a digest keeps different texts apart.

    Example:
        >>> safe_name("anger"), safe_name("../anger")
        ('anger', '_anger-dbabd3a1')
    """
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in text).strip(".")
    return plain if plain == text and plain else f"{plain or 'name'}-{hash_bytes(text.encode())[:8]}"


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
