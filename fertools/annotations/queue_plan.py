"""The plan of the queues of raters. The command line reads its defaults, so this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.arguments import argument
from fertools.core.errors import InputError


@dataclass(frozen=True)
class Plan:
    """How faces are distributed over raters.

    Attributes:
        seed: seed of the order.
        overlap: share of the faces that every rater gets, in [0, 1]. Each other face goes to one rater.
        calibration: number of faces with known ratings that come first, with feedback.
        hidden: share of the faces with a suggestion that are shown without it, in [0, 1].

    Raises:
        InputError: a share is outside [0, 1], or a number is negative.
    """

    seed: int = 0
    overlap: float = 1.0
    calibration: int = 0
    hidden: float = 0.2

    def __post_init__(self) -> None:
        for name in ("overlap", "hidden"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{argument(name)} {getattr(self, name)} is not a share in [0, 1]")
        if self.calibration < 0:
            raise InputError(f"{argument('calibration')} is {self.calibration}; give 0 or more")
