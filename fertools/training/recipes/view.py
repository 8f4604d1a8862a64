"""Views: which part of an aligned face a system sees, and at which size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """The square in the middle of a resized face.

    Systems that learn from random crops of a larger face see its centre in a test, so that faces have the same scale in
    training and in a test.

    Attributes:
        size_px: side of the square in pixels.
        of_px: side of the resized face in pixels; 0 for `size_px`, the whole face.

    Example:
        >>> View(75, 90).of_px, View(64).of_px, View(64).is_whole
        (90, 64, True)
    """

    size_px: int
    of_px: int = 0

    def __post_init__(self) -> None:
        if not self.of_px:
            object.__setattr__(self, "of_px", self.size_px)
        if self.of_px < self.size_px:
            raise ValueError(f"a square of {self.size_px} pixels does not fit into a face of {self.of_px}")

    @property
    def is_whole(self) -> bool:
        """Whether the whole face is seen."""
        return self.of_px == self.size_px

    @property
    def margin_px(self) -> int:
        """The pixels that are cut off on the left and above; on the other sides one more, if the difference is odd."""
        return (self.of_px - self.size_px) // 2

    def __str__(self) -> str:
        return str(self.size_px) if self.is_whole else f"{self.size_px}-of-{self.of_px}"
