"""The analysis of a finished system, beyond predictions and translations: numbers, plots and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """The results of a system on held-out faces. `words` has an entry for every name.

    Attributes:
        numbers: numbers by name.
        words: explanation of each number and figure, by name.
        points: scatter plots by name; each has Nx2 points by group.
        values: histograms by name; each has N values from 0 to 1 by group.
        rebuilt: pictures and their reconstructions, by name; both Nx3xSxS in [-1, 1].
        grids: pictures of the same faces by column and by name of the grid, each Nx3xSxS in [-1, 1].
    """

    numbers: Mapping[str, float]
    words: Mapping[str, str]
    points: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    rebuilt: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    grids: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
