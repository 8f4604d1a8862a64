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
    """

    px: float | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str | float) -> MinFace:
        """Return the size in a text such as `20` or `10%`.

        Raises:
            InputError: the text is neither, or the value is out of range.

        Example:
            >>> MinFace.parse("10%").in_picture(1080, 1920)
            108.0
        """
        words = str(text).strip()
        try:
            number = float(words.removesuffix("%"))
        except ValueError:
            number = float("nan")
        if words.endswith("%") and 0 < number <= 100:
            return cls(share=number / 100)
        if not words.endswith("%") and SMALLEST_FACE_PX <= number < float("inf"):
            return cls(px=number)
        raise InputError(
            f"the smallest face '{words}' is neither a number of pixels from {SMALLEST_FACE_PX} up, such as 20, "
            f"nor a share of the picture's short side, such as 10%"
        )

    def in_picture(self, height: int, width: int) -> float:
        """Return the size in pixels for a picture of this size, never below `SMALLEST_FACE_PX`."""
        if self.share is not None:
            return max(float(SMALLEST_FACE_PX), self.share * min(height, width))
        return float(SMALLEST_FACE_PX if self.px is None else self.px)
