"""Decide by content, not by name, whether a file is a video, a picture or neither.

The first bytes identify nearly every file (`fertools.sources.signatures`); the decoders decide about the others. A file
with the name of a video or picture is never ignored: if its content is neither, it becomes a source that fails.
"""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fertools.core import products
from fertools.core.errors import InputError
from fertools.sources.archives.opened import local_file, open_binary, read_head, split_member
from fertools.sources.signatures import HEAD_BYTES, is_animated_head, signature_of

Kind = Literal["video", "image"]

VIDEO_SUFFIXES: Final = frozenset(
    {
        *(".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv"),
        *(".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm"),
        *(".wmv", ".y4m"),
    }
)
IMAGE_SUFFIXES: Final = frozenset(
    {
        *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg"),
        *(".jpf", ".jpg", ".jpx", ".jxl", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".tga", ".tif", ".tiff"),
        ".webp",
    }
)
MADE_BY_US: Final = "made by fertools"
_ALSO_CODE: Final = frozenset({".ts", ".mts"})
"""Suffixes that TypeScript uses, too, so text files with them are no videos."""
_FRAME_AFTER_FRAME: Final = frozenset({".mjpeg", ".mjpg"})
"""A sequence of JPEG pictures, which begins like a single picture."""
_PROBED_BYTES: Final = 2**20
"""Number of bytes that FFmpeg reads to identify a format."""
_RARE_PICTURES: Final = ("DDS", "ICNS", "ICO", "PCX", "SGI", "SUN")


@dataclass(frozen=True)
class PassedOver:
    """A file that is no source.

    Attributes:
        why: what the file is: `text` (including tables), `sound`, `archive`, `made by fertools` and others.
    """

    why: str


def kind_of(path: Path) -> Kind | PassedOver:
    """Return the kind of the file, or the member of an archive, at `path`.

    A file that cannot be opened has the kind of its name, or else is a picture. So it fails as a source with the
    reason.
    """
    named = kind_by_name(path)
    try:
        if split_member(path) is None and not stat.S_ISREG(path.stat().st_mode):
            # A named pipe, for example: opening it could take forever.
            return named or PassedOver("other")
        head = read_head(path, HEAD_BYTES)
    except (OSError, InputError):
        return named or "image"
    if products.is_marked(head):
        return PassedOver(MADE_BY_US)
    if not head:
        return named or PassedOver("empty")
    signature = signature_of(head)
    if signature is None:
        return named or _ask_decoders(path)
    if signature == "video" or path.suffix.lower() in _FRAME_AFTER_FRAME:
        return "video"
    if signature == "image":
        return "image"
    if signature == "pictures":
        return "video" if _is_animated(path, head) else "image"
    if signature == "container":
        return "video" if named == "video" else _of_container(path)
    if signature == "text" and path.suffix.lower() in _ALSO_CODE:
        return PassedOver("text")
    return named or PassedOver(signature)


def kind_by_name(path: Path) -> Kind | None:
    """Return the kind that the suffix of `path` names; None for other suffixes."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "image" if suffix in IMAGE_SUFFIXES else None


def is_archive(path: Path) -> bool:
    """Return whether the file at `path` is an archive, such as a zip or a tar."""
    return kind_of(path) == PassedOver("archive")


def _is_animated(path: Path, head: bytes) -> bool:
    if (known := is_animated_head(head)) is not None:
        return known
    # Imported here, because most folders have no file that needs it.
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_binary(path) as stream, Image.open(stream) as picture:
                return int(getattr(picture, "n_frames", 1)) > 1
    except Exception:  # Pillow raises almost any error for a damaged picture; reading it later gives the reason
        return False


def _of_container(path: Path) -> Kind | PassedOver:
    """Return the kind of a container whose name does not say that it contains video."""
    import av

    from fertools.sources.videos import is_cover, open_video

    try:
        with local_file(path) as file, open_video(file) as container:
            moving = not all(map(is_cover, container.streams.video))
    except (av.error.FFmpegError, OSError, ValueError, InputError):
        return "video"  # a damaged file; reading it gives the reason
    return "video" if moving else PassedOver("sound")


def _ask_decoders(path: Path) -> Kind | PassedOver:
    """Return the kind of a file that neither its first bytes nor its name identify."""
    import av
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_binary(path) as stream, Image.open(stream, formats=_RARE_PICTURES):
                return "image"
    except Exception:  # see `_is_animated`
        pass
    try:
        # The file name is hidden from FFmpeg, which reads any `.bin` as a video of text.
        with av.open(io.BytesIO(read_head(path, _PROBED_BYTES)), "r") as container:
            if any(next(container.decode(video), None) is not None for video in container.streams.video):
                return "video"
    except (av.error.FFmpegError, OSError, ValueError, InputError):
        pass
    return PassedOver("other")
