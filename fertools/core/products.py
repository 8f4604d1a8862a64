"""Mark the outputs of fertools, so that ingest does not read them as sources.

A folder of pictures or videos that fertools wrote (crops, runs, playable copies) contains a marker file. A picture that
is written to a folder of the user, such as a contact sheet, carries the mark in its metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fertools.core import files

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

MARKER: Final = ".made-by-fertools"
"""Name of the marker file."""
_SENTENCE = (
    "fertools wrote the files in this folder, and `fertools ingest` ignores them.\n"
    "Delete this file to ingest them as sources.\n"
)
_KEY, _VALUE = "Software", "fertools"
_IN_A_PNG = f"tEXt{_KEY}\0{_VALUE}".encode()


def mark(folder: Path) -> None:
    """Mark a folder as output of fertools; it is created if missing.

    Raises:
        StorageError: the folder cannot be written.
    """
    if not (folder / MARKER).is_file():
        files.write_text(folder / MARKER, _SENTENCE)


def png_metadata() -> PngInfo:
    """Return the mark for a PNG that Pillow writes: `picture.save(path, pnginfo=png_metadata())`."""
    # Imported here, because commands that draw nothing import this module, too.
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_KEY, _VALUE)
    return info


def is_marked(head: bytes) -> bool:
    """Return whether the first bytes of a file belong to a marked PNG."""
    return head.startswith(b"\x89PNG") and _IN_A_PNG in head
