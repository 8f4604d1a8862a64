"""The smallest face to search for, as the user states it."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.errors import InputError

SMALLEST_FACE_PX = 12
"""Minimum size in pixels that a user can give: the side of MTCNN's first window."""


@dataclass(frozen=True)
class MinFace:
    """The smallest face to search for, in pixels or as a share of the picture's short side.

    Attributes:
        px: pixels; None if a share is given.
        share: share of the short side, above 0 and at most 1; None if pixels are given.

    Raises:
        InputError: neither or both are given, or a number is out of range.

    Example:
        >>> MinFace(share=0.1).in_picture(1080, 1920)
        108.0
    """

    px: float | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.px is not None and self.share is None:
            if isinstance(self.px, int | float) and SMALLEST_FACE_PX <= self.px < float("inf"):
                return
        elif self.px is None and self.share is not None and 0 < self.share <= 1:
            return
        raise _refused(str(self))

    @classmethod
    def of(cls, value: float | MinFace) -> MinFace:
        """Return a number of pixels as the smallest face; a `MinFace` is returned unchanged."""
        return value if isinstance(value, MinFace) else cls(px=value)

    @classmethod
    def parse(cls, text: str) -> MinFace:
        """Return the size in a text such as `20` or `10%`.

        Raises:
            InputError: the text is neither, or the value is out of range.

        Example:
            >>> MinFace.parse("10%")
            MinFace(px=None, share=0.1)
        """
        words = text.strip()
        try:
            number = float(words.removesuffix("%"))
        except ValueError:
            raise _refused(words) from None
        return cls(share=number / 100) if words.endswith("%") else cls(px=number)

    def in_picture(self, height: int, width: int) -> float:
        """Return the size in pixels for a picture of this size, never below `SMALLEST_FACE_PX`."""
        if self.share is not None:
            return max(float(SMALLEST_FACE_PX), self.share * min(height, width))
        return float(SMALLEST_FACE_PX if self.px is None else self.px)

    def __str__(self) -> str:
        values = [] if self.px is None else [f"{self.px:g}" if isinstance(self.px, int | float) else str(self.px)]
        return " and ".join([*values, *([] if self.share is None else [f"{100 * self.share:g}%"])]) or "unset"


def _refused(words: str) -> InputError:
    return InputError(
        f"the smallest face '{words}' is neither a number of pixels from {SMALLEST_FACE_PX} up, such as 20, "
        f"nor a share of the picture's short side, such as 10%"
    )
