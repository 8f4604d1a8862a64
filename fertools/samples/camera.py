"""Project the coordinates of a face to pixels: rotate, scale, shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NECK = np.array([0.0, 0.4, 0.0])
"""The centre of rotation of the head."""


@dataclass(frozen=True)
class Pose:
    """The pose and position of the head in a picture of side 1.

    Attributes:
        yaw_deg: turn, positive towards larger x.
        pitch_deg: nod, positive is up.
        roll_deg: tilt, positive is clockwise in the picture.
        scale: distance between the eyes as a share of the picture's side.
        x: position of the point between the eyes from the left, as a share of the side.
        y: position of the point between the eyes from the top, as a share of the side.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    scale: float = 0.22
    x: float = 0.5
    y: float = 0.42


class Camera:
    """Projects points of the face by orthographic projection.

    Args:
        pose: pose of the head.
        size_px: side of the picture.
    """

    def __init__(self, pose: Pose, size_px: int) -> None:
        self.unit_px = pose.scale * size_px
        """Pixels per eye distance."""
        self.roll_deg = pose.roll_deg
        self._shift = np.array([pose.x, pose.y]) * size_px
        yaw, pitch, roll = np.deg2rad([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        self._rotation = tilt @ nod @ turn

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return points (n, 3) of the face as pixels (n, 2), x and y."""
        turned = (np.asarray(points, dtype=np.float64) - _NECK) @ self._rotation.T + _NECK
        return np.asarray(turned[:, :2] * self.unit_px + self._shift)

    def at(self, x: float, y: float, z: float) -> NDArray[np.float64]:
        """Return one point of the face as a pixel (2,)."""
        return np.asarray(self([(x, y, z)])[0])
