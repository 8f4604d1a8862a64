"""How wide grey values, such as the counts of a 16-bit thermal camera, become 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError


@dataclass(frozen=True)
class GreyRange:
    """The stored values that become black and white; values beyond them are clipped.

    Attributes:
        low: stored value that becomes 0; None takes the smallest value of each picture.
        high: stored value that becomes 255; None takes the largest value of each picture.
    """

    low: float | None = None
    high: float | None = None

    @classmethod
    def parse(cls, text: str) -> GreyRange:
        """Return the range that `text` says.

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
            low, high = 0.0, 0.0
        if not (np.isfinite([low, high]).all() and low < high):
            raise InputError(
                f"{argument('grey_range')} is '{text}'; "
                "give LOW,HIGH in stored values, such as 27000,33000, or image or full"
            )
        return cls(low, high)

    def to_8_bits(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return stored values (H, W) as grey levels, rounded."""
        low = float(values.min()) if self.low is None else self.low
        high = float(values.max()) if self.high is None else self.high
        # A picture of one value has no range and becomes black.
        scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
        return np.asarray(np.clip(np.round(scaled), 0, 255), np.uint8)


FULL = GreyRange(0.0, 65535.0)
"""All values of 16 bits."""
PER_IMAGE = GreyRange()
"""The smallest and largest value of each picture."""
