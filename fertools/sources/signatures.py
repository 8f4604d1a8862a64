"""Identify a file by its first bytes, whatever its name is.

The table contains the formats that are common in folders of face videos and pictures. The decoders decide about other
files (`fertools.sources.content`). See `docs/decisions/0014-content-not-names.md`.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Signature = Literal["image", "pictures", "video", "container", "sound", "archive", "text", "other"]
"""What the first bytes can identify: one picture; a picture format that can contain an animation; video; a container of
video or only sound; sound; an archive; text, including tables; another known format."""

HEAD_BYTES: Final = 4096
"""One disk block. Reading it costs as much as reading 64 bytes, and it shows for most PNGs whether they move."""

_TABLE: Final[tuple[tuple[Signature, int, tuple[bytes, ...]], ...]] = (
    ("image", 0, (b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"8BPS", b"qoif", b"\x76\x2f\x31\x01")),
    ("image", 0, (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a")),
    ("image", 0, (b"PF\n", b"Pf\n", b"P7\n", b"#?RADIANCE\n")),
    ("pictures", 0, (b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n")),
    ("video", 0, (b"\0\0\x01\xb3", b"\0\0\x01\xb0", b"\0\0\0\x01\x67", b"\0\0\0\x01\x40", b"\0\0\0\x01\x42")),
    ("video", 0, (b"DKIF", b"YUV4MPEG2 ", b"\x1f\x07\0")),
    ("container", 0, (b"\x1aE\xdf\xa3", b"OggS", b"0&\xb2u\x8ef\xcf\x11", b"FLV\x01", b"\0\0\x01\xba", b".RMF")),
    ("container", 0, (b"\x06\x0e\x2b\x34\x02\x05\x01\x01",)),
    # QuickTime before the box that names the brand.
    ("container", 4, (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
    ("sound", 0, (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9")),
    ("sound", 0, (b"MThd", b"#!AMR", b"caff")),
    ("archive", 0, (b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")),
    ("archive", 0, (b"\x28\xb5\x2f\xfd",)),
    ("archive", 257, (b"ustar",)),
    ("other", 0, (b"%PDF", b"\x93NUMPY", b"\x89HDF", b"SQLite format 3\0", b"PAR1", b"\x7fELF", b"MATLAB 5.0")),
    ("other", 0, (b"\x80\x02", b"\x80\x04", b"\x80\x05", b"\xd0\xcf\x11\xe0")),
    ("text", 0, (b"\xff\xfe", b"\xfe\xff")),
)
_RIFF: Final[dict[bytes, Signature]] = {b"WEBP": "pictures", b"AVI ": "video", b"WAVE": "sound"}
_STILL_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"crx "})
_SOUND_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4P "})
_PLAIN_MAP: Final = re.compile(rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s+(?:#[^\n]*\n\s*)*\d+\s")
_NO_TEXT: Final = bytes(sorted({*range(32), 127} - set(b"\t\n\f\r\x1b")))
_DOCUMENTS: Final = (b"[Content_Types].xml", b"mimetype", b"META-INF/", b"_rels/")


def signature_of(head: bytes) -> Signature | None:
    """Return what the first `HEAD_BYTES` of a file identify, or None.

    Example:
        >>> signature_of(b"GIF89a" + bytes(20))
        'pictures'
    """
    if head[4:8] == b"ftyp":
        return _of_brand(head)
    if head[:4] in (b"RIFF", b"RIFX"):
        return _RIFF.get(head[8:12], "other")
    if head[:4] == b"PK\x03\x04":
        return _of_zip(head)
    if _PLAIN_MAP.match(head):
        return "image"
    for signature, offset, marks in _TABLE:
        if head.startswith(marks, offset):
            return signature
    # Packets of MPEG-TS begin every 188 bytes; those of cameras and discs have 4 bytes of time before each.
    if any(
        len(head) > start + 2 * step and set(head[start::step][:3]) == {0x47} for start, step in ((0, 188), (4, 192))
    ):
        return "container"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image"
    return "text" if head and len(head.translate(None, _NO_TEXT)) == len(head) else None


def is_animated_head(head: bytes) -> bool | None:
    """Return whether the first bytes of a `pictures` file say that it moves; None if the other bytes are needed."""
    if head[8:12] == b"WEBP":
        return head[12:16] == b"VP8X" and bool(head[20] & 2) if len(head) > 20 else False
    if head[4:8] == b"ftyp":
        return True
    if head[:4] == b"\x89PNG" and b"acTL" not in head and b"IDAT" in head:
        return False
    return None


def _of_brand(head: bytes) -> Signature:
    """Return what a file of ISO boxes (MP4 and similar formats) is, by its brands."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[place : place + 4] for place in range(16, size - 3, 4))}
    if head[8:12] in _SOUND_BRANDS:
        return "sound"
    # Sequences of AVIF and HEIF also name the brand of stills.
    if b"avis" in brands:
        return "pictures"
    if b"msf1" in brands or b"hevc" in brands:
        return "video"
    return "image" if head[8:12] in _STILL_BRANDS else "container"


def _of_zip(head: bytes) -> Signature:
    """Return whether a zip is an archive; office documents and files of NumPy and torch are zips, too."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    is_file = name.startswith(_DOCUMENTS) or name.endswith((b".npy", b"/data.pkl"))
    return "other" if is_file else "archive"
