"""How wide grey values, such as the counts of a 16-bit thermal camera, become 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument, either
from fertools.core.errors import InputError


@dataclass(frozen=True)
class GreyRange:
    """The stored values that become black and white; values beyond them are clipped.

    Attributes:
        low: stored value that becomes 0; None takes the smallest value of each picture.
        high: stored value that becomes 255; None takes the largest value of each picture.

    Raises:
        InputError: one value is given without the other, one is not finite, or `low` is not below `high`.

    Example:
        >>> str(GreyRange(27000, 33000)), str(GreyRange())
        ('27000,33000', 'image')
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            return
        if self.low is None or self.high is None or not -np.inf < self.low < self.high < np.inf:
            raise _refused(f"from {self.low} to {self.high}")

    @classmethod
    def parse(cls, text: str) -> GreyRange:
        """Return the range in a text, as the command line takes it and the workspace records it.

        Args:
            text: `LOW,HIGH`, `image` for the range of each picture, or `full` for all 16 bits.

        Raises:
            InputError: it is none of these, or LOW is not below HIGH.

        Example:
            >>> GreyRange.parse("27000,33000")
            GreyRange(low=27000.0, high=33000.0)
        """
        if text in ("image", "full"):
            return PER_IMAGE if text == "image" else FULL
        try:
            low, high = (float(number) for number in text.split(","))
        except ValueError:
            raise _refused(f"'{text}'") from None
        return cls(low, high)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return "image"
        return "full" if self == FULL else f"{self.low:.15g},{self.high:.15g}"

    def to_8_bits(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return stored values (H, W) as grey levels, rounded."""
        low = float(values.min()) if self.low is None else self.low
        high = float(values.max()) if self.high is None else self.high
        # A picture of one value has no range and becomes black.
        scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
        return np.asarray(np.clip(np.round(scaled), 0, 255), np.uint8)


def _refused(words: str) -> InputError:
    remedy = either(
        "give GreyRange(LOW, HIGH) in stored values, such as GreyRange(27000, 33000), or GreyRange() for the values of "
        "each picture",
        "give LOW,HIGH in stored values, such as 27000,33000, or image or full",
    )
    return InputError(f"{argument('grey_range')} is {words}; {remedy}")


FULL = GreyRange(0.0, 65535.0)
"""All values of 16 bits."""
PER_IMAGE = GreyRange()
"""The smallest and largest value of each picture."""
