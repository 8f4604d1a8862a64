"""Name the exported file of each video: a plain name without folders, unique on every file system."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

_BYTES = 180
"""Maximum length of a stem in bytes, so that the name with digits and suffix fits in the 255 bytes of file systems."""
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")

_NUMBERED = re.compile(r"-[0-9a-f]{8}$")


def name_files(paths: Mapping[str, str]) -> dict[str, str]:
    """Return the name, without a suffix, of the exported file of each source.

    The name is the stem of the source's path. If the stem is not a safe name, or several sources share it, the first
    eight digits of the source's identifier follow. Stems are compared without case and Unicode form, because some file
    systems ignore both.

    Args:
        paths: path of each source in the sources table, by identifier.

    Example:
        >>> name_files({"aa11bb22cc33": "x/clip.mp4", "dd44ee55ff66": "../y/Clip.avi", "0123456789ab": "z/b.mp4"})
        {'aa11bb22cc33': 'clip-aa11bb22', 'dd44ee55ff66': 'Clip-dd44ee55', '0123456789ab': 'b'}
    """
    stems = {source_id: PurePosixPath(path).stem for source_id, path in paths.items()}
    plain = {source_id: _plain(stem) for source_id, stem in stems.items()}
    uses = Counter(map(_folded, plain.values()))
    return {
        source_id: name
        if name == stems[source_id] and uses[_folded(name)] == 1 and not _NUMBERED.search(name)
        else f"{name or 'source'}-{source_id[:8]}"
        for source_id, name in plain.items()
    }


def _plain(stem: str) -> str:
    """Return a stem with only letters, digits, spaces, dots, dashes and `_`, without dots and spaces at its ends."""
    name = re.sub(r"[^\w .\-]", "_", unicodedata.normalize("NFC", stem)).strip(". ")
    name = name.encode()[:_BYTES].decode(errors="ignore")
    return f"{name}_" if _RESERVED.fullmatch(name) else name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
