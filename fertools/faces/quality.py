"""Quality measures of a face from its crop and its five points: size, sharpness, light and head pose.

The numbers are for sorting and filtering, not for measuring people. Head angles from five points have errors of some
ten degrees on real faces, because noses differ in length and detectors in the position of points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.faces.detection.detector import ScoreLevels
from fertools.faces.templates import template

BLUR_SIDE_PX = 112
"""Crops are resized to this side before their sharpness is measured, so that crops of all sizes are comparable."""

# Depths of the five points relative to the pupils, in units of the pupil distance. They come from the generic head of
# Mallick, "Head Pose Estimation using OpenCV and Dlib", learnopencv.com, 2016: eyes 27 mm and mouth corners 25 mm
# behind the tip of the nose, at a usual pupil distance of 63 mm.
_DEPTHS = (0.0, 0.0, -27 / 63, -2 / 63, -2 / 63)


def _head() -> NDArray[np.float64]:
    # The other two coordinates are those of the mean frontal face of this detector, so that face has yaw and pitch
    # zero. With the points of ArcFace, from another detector, frontal faces would look down by 5 degrees.
    face = template("tight")
    pupil_distance = face[1, 0] - face[0, 0]
    return np.column_stack([(face - face[:2].mean(axis=0)) / pupil_distance, _DEPTHS])


HEAD = _head()
"""The head as five points, (5, 3), in units of the pupil distance from the midpoint between the pupils.

x points to the right in the picture, y down and z away from the camera.
"""

_PSEUDO_INVERSE = np.linalg.pinv(HEAD - HEAD.mean(axis=0))
"""The least-squares linear map from five points around their mean, (3, 5)."""


@dataclass(frozen=True)
class Quality:
    """Measures of one face.

    Attributes:
        face_px: size of the face in the source: geometric mean of the box's sides, in pixels.
        blur: variance of the Laplacian of the grey crop; larger is sharper.
        brightness: mean luma of the crop, from 0 (black) to 1 (white).
        yaw_deg: yaw of the head; positive towards larger x, the right edge of the picture. The three angles are None
            for a face without landmarks.
        pitch_deg: pitch of the head; positive is up.
        roll_deg: roll of the line between the eyes; positive is clockwise in the picture.
    """

    face_px: float
    blur: float
    brightness: float
    yaw_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None


@dataclass(frozen=True)
class Standard:
    """The conditions that a face must meet to be kept; the defaults are the preset `standard`.

    Size is not among them, because `--min-face` sets the size of faces to search for and to keep.

    Attributes:
        det_score: minimum face probability. Most of MTCNN's false alarms score below 0.95, most faces above 0.99.
        darkest: minimum mean luma of the crop, 0 to 1.
        brightest: maximum mean luma.
        blur: minimum sharpness, as `Quality.blur`.
        turn_deg: maximum absolute yaw and pitch; a face without landmarks passes.
        coverage: minimum share of the crop inside the picture.
        drop_transient: whether to reject a face in a single frame of a video, next to a face that lasts.
        track_score: one face of a track must reach this face probability, unless the track is long. MTCNN's false
            alarms in 74 photographs reached at most 0.93; 78 of its 79 correct faces are above.
        track_frames: number of kept faces from which a track needs no such score. In seven clips the longest false
            track had 3, the shortest true one 14.
        interpolated: whether to keep a face that the detector missed and that was interpolated. Its detector score was
            below the last threshold (0.7 as published), and so below every `det_score` of the presets.
    """

    det_score: float = 0.9
    darkest: float = 0.0
    brightest: float = 1.0
    blur: float = 0.0
    turn_deg: float = 180.0
    coverage: float = 0.6
    drop_transient: bool = True
    track_score: float = 0.99
    track_frames: int = 12
    interpolated: bool = False


# The bounds of `strict` come from 59 faces of public photographs and 48 px crops, found by this detector. Sharpness was
# at least 27, with a median of 181. After a Gaussian blur of 2 / 112 of the face its median was 22 (above 25 in two of
# five). Luma was between 0.16 and 0.80. One face in seven had a yaw or pitch above 35 degrees.
STANDARDS = {
    "keep-all": Standard(det_score=0.0, coverage=0.0, drop_transient=False, track_frames=0, interpolated=True),
    "standard": Standard(),
    "strict": Standard(det_score=0.98, darkest=0.12, brightest=0.88, blur=25.0, turn_deg=35.0, coverage=0.9),
}
"""The presets of `--quality`, with the score levels of MTCNN."""


def standard_for(quality: str, levels: ScoreLevels) -> Standard:
    """Return a preset with the score levels of a detector.

    Args:
        quality: name of a preset.
        levels: score levels of the detector.

    Example:
        >>> standard_for("standard", ScoreLevels(confident=0.75, certain=0.9)).det_score
        0.75
    """
    scores = {"standard": levels.confident, "strict": levels.strict}
    if quality not in scores:
        return STANDARDS[quality]
    return replace(STANDARDS[quality], det_score=scores[quality], track_score=levels.certain)


def measure(crop: NDArray[np.uint8], box: NDArray[np.floating], landmarks: NDArray[np.floating] | None) -> Quality:
    """Return the measures of one face.

    Args:
        crop: (side, side, 3) uint8 RGB, aligned.
        box: (4,) x1, y1, x2, y2 in source pixels.
        landmarks: (5, 2) x, y in source pixels; None if they are unknown.
    """
    x1, y1, x2, y2 = box.tolist()
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    smooth = cv2.INTER_AREA if grey.shape[0] > BLUR_SIDE_PX else cv2.INTER_LINEAR
    same_size = cv2.resize(grey, (BLUR_SIDE_PX, BLUR_SIDE_PX), interpolation=smooth)
    yaw_deg, pitch_deg, roll_deg = (None, None, None) if landmarks is None else head_pose(landmarks)
    return Quality(
        face_px=math.sqrt(max(0.0, x2 - x1) * max(0.0, y2 - y1)),
        blur=float(cv2.meanStdDev(cv2.Laplacian(same_size, cv2.CV_16S))[1][0, 0]) ** 2,
        brightness=cv2.mean(grey)[0] / 255,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
    )


def head_pose(landmarks: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees of a head with these five points; signs as in `Quality`.

    Yaw and pitch come from the rotated and scaled `HEAD` whose weak-perspective projection fits the points best: the
    least-squares linear map, then the nearest map with orthonormal rows. Roll is the angle of the line from the left to
    the right eye in the picture. Points all in one place give zeros.

    Args:
        landmarks: (5, 2) x, y in pixels.

    Source: Horaud, Dornaika, Lamiroy and Christy, "Object Pose: The Link between Weak Perspective, Paraperspective,
    and Full Perspective", IJCV 22(2), 1997, section 2 (the camera model).
    """
    points = np.asarray(landmarks, dtype=np.float64)
    (a, b), (c, d), (e, f) = (_PSEUDO_INVERSE @ (points - points.mean(axis=0))).tolist()
    # The nearest map with orthonormal rows is (S S^T)^(-1/2) S; the root of a 2 x 2 matrix has a closed form.
    first, both, second = a * a + c * c + e * e, a * b + c * d + e * f, b * b + d * d + f * f
    area = math.sqrt(max(0.0, first * second - both * both))
    if area <= 1e-9 * math.sqrt(first + second):
        return 0.0, 0.0, 0.0
    size = math.sqrt(first + second + 2 * area) * area
    one, mixed, other = (second + area) / size, -both / size, (first + area) / size
    # The rows of the rotation; the third is the cross product of the other two.
    right = one * a + mixed * b, one * c + mixed * d, one * e + mixed * f
    down = mixed * a + other * b, mixed * c + other * d, mixed * e + other * f
    towards_camera = right[0] * down[1] - right[1] * down[0]
    # The face looks along -z of its own frame; in the camera's frame that is minus the last column of the rotation.
    yaw = math.atan2(-right[2], towards_camera)
    pitch = math.asin(min(1.0, max(-1.0, down[2])))
    (x1, y1), (x2, y2) = points[:2].tolist()
    return math.degrees(yaw), math.degrees(pitch), math.degrees(math.atan2(y2 - y1, x2 - x1))


MEASURES = ("interpolated", "det_score", "face_px", "brightness", "blur", "yaw_deg", "pitch_deg", "crop_coverage")
"""Columns of the manifest that `rejection_reasons` uses."""


def rejection_reasons(
    faces: Mapping[str, NDArray[Any]], standard: Standard | None = None, least_px: float | NDArray[np.float64] = 0.0
) -> NDArray[np.object_]:
    """Return why each face is rejected; None for kept faces.

    The reason is the first that applies of `interpolated`, `low_score`, `too_small`, `too_dark`, `too_bright`,
    `too_blurred`, `turned_away` and `cut_off`. An unknown measure (nan) rejects nothing.

    Args:
        faces: MEASURES by name, (n,) each; see the manifest's columns.
        standard: conditions to meet; None for the default ones.
        least_px: minimum `face_px` in pixels; one number, or (n,).

    Example:
        >>> measures = dict.fromkeys(MEASURES, np.array([1.0, 1.0])) | {"interpolated": np.array([False, False])}
        >>> rejection_reasons(measures | {"face_px": np.array([20.0, 80.0])}, least_px=40).tolist()
        ['too_small', None]
    """
    bar = standard or Standard()
    reasons = np.full(len(faces["face_px"]), None, np.object_)
    faults = {
        "interpolated": faces["interpolated"].astype(np.bool_) & (not bar.interpolated),
        "low_score": faces["det_score"] < bar.det_score,
        "too_small": faces["face_px"] < least_px,
        "too_dark": faces["brightness"] < bar.darkest,
        "too_bright": faces["brightness"] > bar.brightest,
        "too_blurred": faces["blur"] < bar.blur,
        "turned_away": (np.abs(faces["yaw_deg"]) > bar.turn_deg) | (np.abs(faces["pitch_deg"]) > bar.turn_deg),
        "cut_off": faces["crop_coverage"] < bar.coverage,
    }
    for reason, holds in reversed(faults.items()):
        reasons[holds] = reason
    return reasons
