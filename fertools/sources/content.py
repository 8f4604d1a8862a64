"""What a file is: a video, a picture, or something to pass over and why. Content decides, not the name.

The first bytes tell nearly every file (`fertools.sources.signatures`); the decoders are asked about the rest. A file
whose name says that it is a video or picture is never passed over: if it is none, it is a source that fails.
"""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fertools.core import products
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
"""Endings of TypeScript too, so text with one is passed over."""
_FRAME_AFTER_FRAME: Final = frozenset({".mjpeg", ".mjpg"})
"""JPEG after JPEG, whose head is that of a picture."""
_PROBED_BYTES: Final = 2**20
"""As much as FFmpeg looks at to tell a format."""
_RARE_PICTURES: Final = ("DDS", "ICNS", "ICO", "PCX", "SGI", "SUN")


@dataclass(frozen=True)
class PassedOver:
    """A file that is no source.

    Attributes:
        why: what it is, in a word or a few: `text`, tables among it; `sound`; `archive`; `made by fertools`.
    """

    why: str


def kind_of(path: Path) -> Kind | PassedOver:
    """Return what the file at `path` is.

    One that cannot be opened is of the kind that its name says, or else a picture, so that it fails as a source
    with the reason.
    """
    named = kind_by_name(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # A named pipe, say: opening it could take for ever.
            return named or PassedOver("other")
        with path.open("rb", buffering=0) as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
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
    """Return what `path` is by its ending, or None if that names neither a video nor a picture format."""
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
    # Loaded only here, as most folders hold no file that needs it.
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                return int(getattr(picture, "n_frames", 1)) > 1
    except Exception:  # a damaged picture raises whatever its parser trips over; reading it later gives the reason
        return False


def _of_container(path: Path) -> Kind | PassedOver:
    """Return what a container is whose name does not say that it holds video."""
    import av

    from fertools.sources.videos import is_cover, open_video

    try:
        with open_video(path) as container:
            moving = not all(map(is_cover, container.streams.video))
    except (av.error.FFmpegError, OSError, ValueError):
        return "video"  # a damaged one, whose reason comes of reading it
    return "video" if moving else PassedOver("sound")


def _ask_decoders(path: Path) -> Kind | PassedOver:
    """Return what a file is that neither its head nor its name tells."""
    import av
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_RARE_PICTURES):
                return "image"
    except Exception:  # see `_is_animated`
        pass
    try:
        # Without its name, by which FFmpeg takes any `.bin` for a video of letters.
        with path.open("rb") as stream, av.open(io.BytesIO(stream.read(_PROBED_BYTES)), "r") as container:
            if any(next(container.decode(video), None) is not None for video in container.streams.video):
                return "video"
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return PassedOver("other")
