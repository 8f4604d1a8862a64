from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.faces.alignment import align
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.quality import HEAD, MEASURES, STANDARDS, Quality, Standard, head_pose, measure, rejection_reasons
from fertools.faces.templates import template

angles = st.floats(-40, 40)
Points = NDArray[np.float64]


def turned(yaw_deg: float, pitch_deg: float) -> Points:
    """Return the rotation of a head that looks along -z so that it looks `yaw_deg` to larger x and `pitch_deg` up."""
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    # Right-handed about y, larger angles look to smaller x; about x (to the right), they look up, y being down.
    about_y, _ = cv2.Rodrigues(np.array([0.0, -yaw, 0.0]))
    about_x, _ = cv2.Rodrigues(np.array([-pitch, 0.0, 0.0]))
    return np.asarray(about_y @ about_x)


def test_the_rotation_of_these_tests_looks_where_it_says() -> None:
    right, up = turned(30, 0) @ np.array([0, 0, -1]), turned(0, 30) @ np.array([0, 0, -1])
    np.testing.assert_allclose(right, [0.5, 0, -(0.75**0.5)], atol=1e-9)
    np.testing.assert_allclose(up, [0, -0.5, -(0.75**0.5)], atol=1e-9)


@given(angles, angles, st.floats(5, 500), st.floats(-2000, 2000))
@settings(deadline=None, max_examples=100)
def test_the_pose_of_a_head_is_recovered_at_any_size_and_place(
    yaw_deg: float, pitch_deg: float, scale: float, shift: float
) -> None:
    points = scale * (HEAD @ turned(yaw_deg, pitch_deg).T)[:, :2] + shift
    looking = turned(yaw_deg, pitch_deg) @ np.array([0, 0, -1])
    yaw, pitch, _ = head_pose(points)
    assert yaw == pytest.approx(np.degrees(np.arctan2(looking[0], -looking[2])), abs=1e-3)
    assert pitch == pytest.approx(np.degrees(np.arcsin(-looking[1])), abs=1e-3)


@given(angles, angles)
@settings(deadline=None, max_examples=50)
def test_a_camera_at_two_metres_changes_little(yaw_deg: float, pitch_deg: float) -> None:
    # The weak perspective of the model against the full one of a camera: a head 63 mm between the pupils.
    camera = np.array([[1500.0, 0, 960], [0, 1500.0, 540], [0, 0, 1]])
    rotation, _ = cv2.Rodrigues(turned(yaw_deg, pitch_deg))
    points, _ = cv2.projectPoints(HEAD * 63, rotation, np.array([0.0, 0, 2000]), camera, None)
    yaw, pitch, _ = head_pose(points[:, 0].astype(np.float64))
    exact = head_pose((HEAD @ turned(yaw_deg, pitch_deg).T)[:, :2])
    assert abs(yaw - exact[0]) < 2.5
    assert abs(pitch - exact[1]) < 2.5


@given(st.floats(-80, 80))
@settings(deadline=None, max_examples=30)
def test_roll_is_the_angle_between_the_eyes(roll_deg: float) -> None:
    roll = np.radians(roll_deg)
    rotation = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    assert head_pose(template("tight") @ rotation.T * 80)[2] == pytest.approx(roll_deg)


def test_the_mean_frontal_face_looks_straight_ahead() -> None:
    np.testing.assert_allclose(head_pose(template("tight") * 200), (0, 0, 0), atol=1e-6)


def test_points_in_one_place_or_on_one_line_do_no_harm() -> None:
    assert head_pose(np.full((5, 2), 3.0)) == (0.0, 0.0, 0.0)
    line = np.column_stack([np.arange(5.0), np.zeros(5)])
    assert np.isfinite(head_pose(line)).all()


def _measured(portrait: NDArray[np.uint8], picture: NDArray[np.uint8], size_px: int = 112) -> Quality:
    found = MtcnnDetector().detect([portrait])[0]
    crop, _ = align(picture, found.landmarks[0], "loose", size_px)
    return measure(crop, found.boxes[0], found.landmarks[0])


def test_blur_falls_with_every_blur_of_the_picture(portrait: NDArray[np.uint8]) -> None:
    sharpness = [_measured(portrait, portrait).blur]
    for sigma in (0.8, 1.5, 3.0, 6.0, 12.0):
        blurred = np.asarray(cv2.GaussianBlur(portrait, (0, 0), sigma), np.uint8)
        sharpness.append(_measured(portrait, blurred).blur)
    assert all(later < 0.8 * earlier for earlier, later in pairwise(sharpness))


def test_blur_compares_between_sizes_of_crops(portrait: NDArray[np.uint8]) -> None:
    found = MtcnnDetector().detect([portrait])[0]
    large = np.asarray(cv2.resize(portrait, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.uint8)
    values = []
    for size_px in (112, 224, 448):
        crop, _ = align(large, found.landmarks[0] * 4, "loose", size_px)
        values.append(measure(crop, found.boxes[0], found.landmarks[0]).blur)
    assert max(values) < 1.35 * min(values)


@pytest.mark.parametrize(("colour", "brightness"), [((0, 0, 0), 0), ((255, 255, 255), 1), ((255, 0, 0), 0.299)])
def test_brightness_is_luma(colour: tuple[int, int, int], brightness: float) -> None:
    crop = np.full((64, 64, 3), colour, dtype=np.uint8)
    quality = measure(crop, np.array([0, 0, 30, 40]), template("tight") * 40)
    assert quality.brightness == pytest.approx(brightness, abs=0.003)
    assert quality.blur == 0
    assert quality.face_px == pytest.approx(1200**0.5)


def test_a_box_turned_inside_out_has_no_size() -> None:
    crop = np.zeros((16, 16, 3), dtype=np.uint8)
    assert measure(crop, np.array([10, 10, 5, 30]), template("tight")).face_px == 0


GOOD: dict[str, float | bool | None] = {
    "interpolated": False,
    "det_score": 0.99,
    "face_px": 100.0,
    "brightness": 0.5,
    "blur": 80.0,
    "yaw_deg": 0.0,
    "pitch_deg": 0.0,
    "crop_coverage": 1.0,
}


def _judged(
    changes: dict[str, float | bool | None], standard: Standard | None = None, least_px: float = 0.0
) -> str | None:
    measures = {name: np.array([np.nan if value is None else value]) for name, value in (GOOD | changes).items()}
    (reason,) = rejection_reasons(measures, standard, least_px)
    return None if reason is None else str(reason)


@pytest.mark.parametrize(
    ("face_px", "score", "standard", "reason"),
    [
        (32, 0.9, None, None),
        (31.9, 0.99, None, "too_small"),
        (100, 0.899, None, "low_score"),
        (10, 0.5, None, "low_score"),
        (32, 0.8, Standard(det_score=0.75), None),
    ],
)
def test_who_is_kept(face_px: float, score: float, standard: Standard | None, reason: str | None) -> None:
    assert _judged({"face_px": face_px, "det_score": score}, standard, 32) == reason


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, (None, None, None)),
        ({"det_score": 0.95}, (None, None, "low_score")),
        ({"det_score": 0.75}, (None, "low_score", "low_score")),
        ({"det_score": None}, (None, None, None)),
        ({"face_px": 10}, (None, None, None)),
        ({"brightness": 0.05}, (None, None, "too_dark")),
        ({"brightness": 0.95}, (None, None, "too_bright")),
        ({"blur": 10}, (None, None, "too_blurred")),
        ({"yaw_deg": -50}, (None, None, "turned_away")),
        ({"pitch_deg": 50}, (None, None, "turned_away")),
        ({"crop_coverage": 0.8}, (None, None, "cut_off")),
        ({"crop_coverage": 0.5}, (None, "cut_off", "cut_off")),
        ({"crop_coverage": None}, (None, None, None)),
        ({"yaw_deg": None, "pitch_deg": None}, (None, None, None)),
        ({"blur": 10, "brightness": 0.05, "det_score": 0.5}, (None, "low_score", "low_score")),
        ({"blur": 10, "brightness": 0.05}, (None, None, "too_dark")),
        ({"interpolated": True, "det_score": None}, (None, "interpolated", "interpolated")),
        ({"interpolated": True, "det_score": None, "face_px": 9}, (None, "interpolated", "interpolated")),
    ],
)
def test_what_each_preset_rejects(changes: dict[str, float | bool | None], reasons: tuple[str | None, ...]) -> None:
    assert tuple(_judged(changes, standard) for standard in STANDARDS.values()) == reasons
    assert _judged(changes) == reasons[1]


def test_each_face_is_judged_by_itself() -> None:
    pairs = [dict(GOOD, blur=10), dict(GOOD), dict(GOOD, det_score=0.5)]
    measures = {name: np.array([pair[name] for pair in pairs]) for name in MEASURES}
    assert rejection_reasons(measures, STANDARDS["strict"]).tolist() == ["too_blurred", None, "low_score"]
