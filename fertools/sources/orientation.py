"""The orientation of a picture by its metadata: FFmpeg's display matrix for videos, the EXIF tag for photos.

A matrix is interpreted as by the `ffmpeg` program, so a video has the same size and rotation as in every player.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """The changes from stored to displayed pixels: four steps, in this order.

    Attributes:
        transposed: exchange rows and columns.
        mirrored: exchange left and right.
        flipped: exchange top and bottom.
        turn_deg: clockwise rotation inside the frame; corners are cut off and filled with black. It is almost always 0.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False
    turn_deg: int = 0

    @classmethod
    def of_matrix(cls, matrix: NDArray[np.int32]) -> Self:
        """Return the orientation of a display matrix.

        Args:
            matrix: (3, 3) int32 in FFmpeg's form: the stored point (x, y, 1) is displayed at (x, y, 1) @ matrix.

        Source: `configure_input_video_filter` in FFmpeg's `fftools/ffmpeg_filter.c`.
        """
        (a, b), (c, d) = matrix[:2, :2].tolist()
        if not (a or c) or not (b or d):
            return cls()
        angle_deg = round(math.degrees(math.atan2(b / math.hypot(b, d), a / math.hypot(a, c)))) % 360
        if angle_deg in (90, 270):
            return cls(transposed=True, mirrored=c < 0, flipped=b < 0)
        if angle_deg in (0, 180):
            return cls(mirrored=a < 0, flipped=d < 0)
        # ffmpeg ignores a rotation of one degree.
        return cls(turn_deg=angle_deg if angle_deg > 1 else 0)

    @classmethod
    def of_exif(cls, tag: object) -> Self:
        """Return the orientation for a value of the EXIF tag 0x0112; unchanged for an unknown value.

        Source: Exif 2.32, section 4.6.4, tag `Orientation`.
        """
        if not isinstance(tag, int) or not 1 <= tag <= 8:
            return cls()
        return cls(transposed=tag >= 5, mirrored=tag in (2, 3, 6, 7), flipped=tag in (3, 4, 7, 8))

    @property
    def is_quarter_turn(self) -> bool:
        """Whether it is a rotation by a multiple of 90 degrees without mirroring."""
        return not self.turn_deg and (self.transposed + self.mirrored + self.flipped) % 2 == 0

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a contiguous picture (height, width, channels) as displayed; the same object if it is upright."""
        if self.transposed:
            picture = np.asarray(cv2.transpose(picture), np.uint8)
        if self.mirrored or self.flipped:
            picture = np.asarray(cv2.flip(picture, (1, -1)[self.flipped] if self.mirrored else 0), np.uint8)
        if self.turn_deg:
            height, width = picture.shape[:2]
            turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -self.turn_deg, 1)
            picture = np.asarray(cv2.warpAffine(picture, turn, (width, height)), np.uint8)
        return picture
