"""What a finished system shows of itself beyond predictions and translations: numbers, points, values and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """What a system shows of held-out faces. Every name stands in `words`, too.

    Attributes:
        numbers: by name.
        words: what each number and figure means, by its name.
        points: figures of points in a plane, by name; in each, Nx2 by group.
        values: histograms, by name; in each, N values from 0 to 1 by group.
        rebuilt: pictures and what was made of them, by name; both Nx3xSxS in [-1, 1].
    """

    numbers: Mapping[str, float]
    words: Mapping[str, str]
    points: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    rebuilt: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
