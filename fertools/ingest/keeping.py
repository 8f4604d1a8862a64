"""Which of the faces of a source are kept, by measures that are in the manifest: so it can be decided again later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.faces.min_face import MinFace
from fertools.faces.quality import MEASURES, STANDARDS, Standard, judge


@dataclass(frozen=True)
class Keeping:
    """What a face must be to be kept.

    Attributes:
        quality: name of a preset of `fertools.faces.quality.STANDARDS`.
        min_face: smallest face; None is any size.
        max_faces: how many a frame may keep, largest first; None is any number.
    """

    quality: str
    min_face: MinFace | None
    max_faces: int | None

    @property
    def standard(self) -> Standard:
        """The preset's bounds."""
        return STANDARDS[self.quality]

    def judge(self, faces: pa.Table, height_px: int | None, width_px: int | None) -> NDArray[np.object_]:
        """Return why each face is rejected by its own measures, None where it is not.

        Args:
            faces: rows of FACES of one source.
            height_px: of the source's picture; None where it is unknown.
            width_px: of the same.
        """
        measures = {name: np.asarray(faces[name].to_numpy(zero_copy_only=False)) for name in MEASURES}
        known = self.min_face is not None and None not in (height_px, width_px)
        least_px = self.min_face.in_picture(height_px or 0, width_px or 0) if self.min_face and known else 0.0
        return judge(measures, self.standard, least_px)
