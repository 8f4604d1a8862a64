"""Decide which faces of a source are kept, by measures in the manifest, so that the decision can be repeated later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.faces.detection.detector import ScoreLevels
from fertools.faces.detection.min_face import MinFace
from fertools.faces.quality import MEASURES, Standard, rejection_reasons, standard_for


@dataclass(frozen=True)
class FaceFilter:
    """The conditions that a face must meet to be kept.

    Attributes:
        quality: name of a preset of `fertools.faces.quality.STANDARDS`.
        min_face: smallest face; None for any size.
        max_faces: maximum number of kept faces per frame, largest first; None for any number.
        levels: score levels of the detector.
    """

    quality: str
    min_face: MinFace | None
    max_faces: int | None
    levels: ScoreLevels

    @property
    def standard(self) -> Standard:
        """The preset's bounds."""
        return standard_for(self.quality, self.levels)

    def rejection_reasons(self, faces: pa.Table) -> NDArray[np.object_]:
        """Return why each face is rejected by its own measures; None for kept faces.

        Args:
            faces: rows of FACES.
        """
        measures = {name: np.asarray(faces[name].to_numpy(zero_copy_only=False)) for name in MEASURES}
        return rejection_reasons(measures, self.standard, self._least_px(faces))

    def _least_px(self, faces: pa.Table) -> NDArray[np.float64]:
        """Return the minimum size of each face in pixels; a share refers to its own frame, 0 if that is unknown."""
        if self.min_face is None:
            return np.zeros(len(faces))
        sizes = np.stack(
            [np.asarray(faces[name].to_numpy(), np.float64) for name in ("frame_height_px", "frame_width_px")], axis=1
        )
        known, which = np.unique(sizes, axis=0, return_inverse=True)
        least = [0.0 if np.isnan(pair).any() else self.min_face.in_picture(*pair) for pair in known.tolist()]
        return np.asarray(least, np.float64)[which.reshape(-1)]
