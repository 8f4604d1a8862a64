"""What fertools made itself, marked so that no ingest takes it for a source.

A folder of our pictures or videos (crops, runs, copies for the rating page) holds a small file that says so. A picture
that a user puts anywhere, such as a contact sheet, says so in its own metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fertools.core import files

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

MARKER: Final = ".made-by-fertools"
"""Name of the file that marks a folder."""
_SENTENCE = (
    "fertools made the files in this folder, and `fertools ingest` passes over them.\n"
    "Delete this file to have them read as sources.\n"
)
_KEY, _VALUE = "Software", "fertools"
_IN_A_PNG = f"tEXt{_KEY}\0{_VALUE}".encode()


def mark(folder: Path) -> None:
    """Mark `folder`, made if missing, as one that only fertools writes into.

    Raises:
        StorageError: it cannot be written.
    """
    if not (folder / MARKER).is_file():
        files.write_text(folder / MARKER, _SENTENCE)


def png_metadata() -> PngInfo:
    """Return what marks a PNG that Pillow writes: `picture.save(path, pnginfo=png_metadata())`."""
    # Loaded here, as commands that draw nothing import this module too.
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_KEY, _VALUE)
    return info


def is_marked(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a picture that fertools marked."""
    return head.startswith(b"\x89PNG") and _IN_A_PNG in head
