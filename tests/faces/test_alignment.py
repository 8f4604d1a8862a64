from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from fertools.core.errors import InputError
from fertools.faces.alignment import FILLS, align, fill_outside, outside_mask, rescale_matrix, similarity, warp
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.templates import template, template_names

NAMES = ("arcface", "celeba", "ffhq", "loose", "tight")
seeds = st.integers(0, 2**31)


def _moved(
    points: NDArray[np.float64], turn_deg: float, scale: float, shift: tuple[float, float]
) -> NDArray[np.float64]:
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(scale * points @ rotation.T + np.array(shift))


@given(seeds, st.sampled_from(NAMES), st.integers(16, 512))
@settings(deadline=None, max_examples=100)
def test_similarity_is_that_of_a_second_implementation(seed: int, name: str, size_px: int) -> None:
    rng = np.random.default_rng(seed)
    # A face turned any way, its points each off by up to a fifth of its size.
    points = _moved(template(name), rng.uniform(-180, 180), rng.uniform(10, 900), (rng.uniform(-99, 999), 50.0))
    points += rng.uniform(-0.2, 0.2, (5, 2)) * np.ptp(points)
    theirs = SimilarityTransform.from_estimate(points, template(name) * size_px - 0.5)
    np.testing.assert_allclose(similarity(points, name, size_px), theirs.params[:2], rtol=1e-6, atol=1e-6)


@given(st.floats(-180, 180), st.floats(0.05, 50), st.floats(-999, 999), st.sampled_from(NAMES))
@settings(deadline=None, max_examples=50)
def test_a_face_that_fits_is_moved_onto_the_template(turn_deg: float, scale: float, shift: float, name: str) -> None:
    goal = template(name) * 112 - 0.5
    points = _moved(goal, turn_deg, scale, (shift, -shift))
    matrix = similarity(points, name, 112)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], goal, atol=1e-6)
    assert np.hypot(*matrix[:, 0]) == pytest.approx(1 / scale)


@given(seeds)
@settings(deadline=None, max_examples=50)
def test_nothing_is_mirrored_or_stretched(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 100, (5, 2))
    matrix = similarity(points, "arcface", 112)
    mirrored = similarity(points * np.array([-1, 1]), "arcface", 112)
    for linear in (matrix[:, :2], mirrored[:, :2]):
        assert np.linalg.det(linear) > 0
        np.testing.assert_allclose(linear @ linear.T, np.linalg.det(linear) * np.eye(2), atol=1e-9)


def test_no_other_similarity_comes_closer() -> None:
    rng = np.random.default_rng(5)
    points, goal = rng.uniform(0, 100, (5, 2)), template("ffhq") * 256 - 0.5

    def miss(matrix: NDArray[np.float64]) -> float:
        return float(((points @ matrix[:, :2].T + matrix[:, 2] - goal) ** 2).sum())

    best = similarity(points, "ffhq", 256)
    for _ in range(200):
        turn, stretch = rng.normal(0, 0.02), rng.normal(1, 0.02)
        other = best.copy()
        nudge = stretch * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        other[:, :2] = nudge @ other[:, :2]
        other[:, 2] += rng.normal(0, 0.5, 2)
        assert miss(other) > miss(best)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 7.0),
        np.full((5, 2), np.nan),
        np.array([[0, 0], [1, 0], [np.inf, 0], [0, 1], [1, 1]]),
        np.zeros((4, 2)),
        np.zeros((5, 3)),
    ],
)
def test_points_that_are_no_face_are_refused(points: NDArray[np.float64]) -> None:
    with pytest.raises(InputError, match="landmarks"):
        similarity(points, "arcface", 112)


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_shrinking_averages_every_source_pixel(scale: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40 * scale, 40 * scale, 3)).astype(np.uint8)
    shift = (1 - scale) / (2 * scale)
    matrix = np.array([[1 / scale, 0, shift], [0, 1 / scale, shift]])
    expected = cv2.resize(picture, (40, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(warp(picture, matrix, 40).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("turn_deg", [0, 17, 45, 90])
def test_a_fine_pattern_does_not_alias(turn_deg: float) -> None:
    board = (np.indices((600, 600)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = np.repeat(board[..., None], 3, axis=2)
    turn = np.radians(turn_deg)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / 4.3
    matrix = np.column_stack([linear, np.array([32.0, 32.0]) - linear @ np.array([300.0, 300.0])])
    plain = cv2.warpAffine(picture, matrix, (64, 64), flags=cv2.INTER_NEAREST)
    assert plain.std() > 100, "this pattern would not alias anyway"
    crop = warp(picture, matrix, 64)
    assert crop.std() < 12
    assert crop.mean() == pytest.approx(127.5, abs=2)


# The crop of one pixel is the widest that is taken, so it is enlarged a little at least.
@given(seeds, st.integers(1, 40), st.integers(1, 40), st.floats(1.01, 5), st.floats(-180, 180))
@settings(deadline=None, max_examples=50)
def test_enlarging_is_cubic_convolution(seed: int, height: int, width: int, scale: float, turn_deg: float) -> None:
    """Wherever the crop is, and whatever the picture lies within."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (height + 2, width + 5, 3), dtype=np.uint8)[1:-1, 2:-3]
    matrix = np.asarray(cv2.getRotationMatrix2D(tuple(rng.uniform(-5, 45, 2)), turn_deg, scale), np.float64)
    away = np.abs(warp(picture, matrix, 8).astype(int) - _convolved(picture, matrix, 8))
    # Rounded to the other side, a position is a 128th of a pixel off.
    assert away.max() <= 6
    assert (away > 1).mean() <= 0.05


def _convolved(picture: NDArray[np.uint8], matrix: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
    """Return the crop by Keys' formula with the slope -0.75, pixel by pixel, positions in 128ths."""

    def weight(x: float) -> float:
        x, a = abs(x), -0.75
        return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x <= 1 else a * (x**3 - 5 * x**2 + 8 * x - 4)

    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    crop = np.zeros((size_px, size_px, 3))
    for row, column in np.ndindex(size_px, size_px):
        x, y = np.floor(inverse[:2] @ (column, row, 1) * 128 + 0.5) / 128
        for tap_y in range(int(np.floor(y)) - 1, int(np.floor(y)) + 3):
            for tap_x in range(int(np.floor(x)) - 1, int(np.floor(x)) + 3):
                pixel = picture[np.clip(tap_y, 0, len(picture) - 1), np.clip(tap_x, 0, picture.shape[1] - 1)]
                crop[row, column] += weight(x - tap_x) * weight(y - tap_y) * pixel
    return np.floor(crop.clip(0, 255) + 0.5)


def test_landmarks_of_another_picture_are_one_sentence() -> None:
    """Averaging what a pixel would show of nothing could take hours."""
    points = template("loose") * 1e6
    with pytest.raises(InputError, match="too far apart to be in this picture"):
        align(np.zeros((40, 60, 3), np.uint8), points, "loose", 256)


def test_enlarging_keeps_the_pixels_that_it_passes_through() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8), (0, 0), 2)
    crop = warp(np.asarray(smooth, np.uint8), np.array([[3.0, 0, 0], [0, 3.0, 0]]), 88)
    assert np.abs(crop[::3, ::3].astype(int) - smooth).max() <= 1


def test_beyond_the_frame_its_edge_is_repeated() -> None:
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    picture[:, 0] = 200
    crop = warp(picture, np.array([[1.0, 0, 8], [0, 1.0, 0]]), 16)
    assert (crop[:10, :9] == 200).all()
    assert (crop[:, 10:] == 0).all()


def test_a_turned_picture_gives_the_same_crop(portrait: NDArray[np.uint8]) -> None:
    points = MtcnnDetector().detect([portrait])[0].landmarks[0]
    upright, _ = align(portrait, points, "loose", 128)
    turn = cv2.getRotationMatrix2D((256, 256), 25, 1.0)
    turned = np.asarray(cv2.warpAffine(portrait, turn, (512, 512), flags=cv2.INTER_CUBIC), np.uint8)
    again, _ = align(turned, points @ turn[:, :2].T + turn[:, 2], "loose", 128)
    assert np.abs(again.astype(int) - upright)[20:108, 20:108].mean() < 3


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_an_upright_face_in_the_unit_square(name: str) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = points = template(name)
    assert ((points > 0) & (points < 1)).all()
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert abs(left_eye[1] - right_eye[1]) < 0.01
    points[:] = 0
    assert template(name).min() > 0, "a caller changed the template for all"


def test_the_reference_points_are_the_published_ones() -> None:
    np.testing.assert_allclose(template("arcface")[0] * 112 - 0.5, (38.2946, 51.6963))
    np.testing.assert_allclose(template("ffhq")[2] * 512 - 0.5, (256.63416, 314.01935))
    np.testing.assert_allclose(template("celeba")[3] * 178 - 0.5 + np.array([0, 20]), (72, 152))
    # `loose` shows 1.25 times the side of `tight` around the same centre.
    np.testing.assert_allclose((template("loose") - 0.5) * 1.25 + 0.5, template("tight"))


def test_the_names_are_all_there_and_another_is_refused() -> None:
    assert template_names() == NAMES
    with pytest.raises(InputError, match="choose one of arcface"):
        template("round")


@pytest.mark.parametrize("to_px", [17, 64, 100, 512])
def test_a_rescaled_transform_is_that_of_the_other_size(to_px: int) -> None:
    points = template("ffhq") * 300 + [40, 7]
    expected = similarity(points, "arcface", to_px)
    np.testing.assert_allclose(rescale_matrix(similarity(points, "arcface", 64), 64, to_px), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "share"),
    [
        ([[1.0, 0, 0], [0, 1.0, 0]], 1.0),  # the crop is the picture
        ([[1.0, 0, 8], [0, 1.0, 0]], 0.5),  # half of it is left of the picture
        ([[0.5, 0, 4], [0, 0.5, 4]], 0.25),  # the picture is a quarter in the middle
        ([[0, -1.0, 15], [1.0, 0, 0]], 1.0),  # turned by a right angle
        ([[1.0, 0, 99], [0, 1.0, 0]], 0.0),
    ],
)
def test_what_lies_beyond_the_picture_is_counted_and_filled(matrix: list[list[float]], share: float) -> None:
    picture, transform = np.full((16, 16, 3), 200, np.uint8), np.array(matrix)
    outside = outside_mask(transform, 16, picture.shape)
    assert 1 - (0 if outside is None else outside.mean()) == pytest.approx(share)
    black = fill_outside(warp(picture, transform, 16), outside, FILLS["black"])
    assert (black == 0).mean() == pytest.approx(1 - share)
    # The edge is where OpenCV puts it, which is a second way to the same.
    theirs = cv2.warpAffine(picture, transform, (16, 16), flags=cv2.INTER_NEAREST, borderValue=(0, 0, 0))
    np.testing.assert_array_equal(black == 0, theirs == 0)
    assert (fill_outside(warp(picture, transform, 16), outside, FILLS["edge"]) == 200).all()


def test_coverage_is_the_area_that_two_polygons_share() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        turn, scale, shift = rng.uniform(0, 6.3), rng.uniform(0.6, 3), rng.uniform(-60, 60, 2)
        a, b = scale * np.cos(turn), scale * np.sin(turn)
        matrix = np.array([[a, -b, 64 + shift[0]], [b, a, 64 + shift[1]]])
        frame = np.array([(-0.5, -0.5), (89.5, -0.5), (89.5, 59.5), (-0.5, 59.5)]) @ matrix[:, :2].T + matrix[:, 2]
        crop = np.array([(-0.5, -0.5), (127.5, -0.5), (127.5, 127.5), (-0.5, 127.5)])
        shared, _ = cv2.intersectConvexConvex(frame.astype(np.float32), crop.astype(np.float32))
        outside = outside_mask(matrix, 128, (60, 90, 3))
        assert 1 - (0 if outside is None else outside.mean()) == pytest.approx(shared / 128**2, abs=0.01)


def test_each_pixel_beyond_the_picture_is_the_one_whose_centre_lies_there() -> None:
    rng = np.random.default_rng(4)
    height, width, side = 60, 90, 64
    row, column = np.mgrid[:side, :side]
    for _ in range(200):
        # Also upright, where every line of the crop runs along an edge of the picture, and turned any way.
        turn, scale = rng.choice([0.0, rng.normal(0, 0.3), rng.uniform(0, 6.3)]), rng.uniform(0.6, 3)
        a, b = scale * np.cos(turn), scale * np.sin(turn)
        matrix = np.array([[a, -b, rng.uniform(-90, 90)], [b, a, rng.uniform(-90, 90)]])
        back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
        x, y = (line[0] * column + line[1] * row + line[2] for line in back[:2])
        wanted = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
        outside = outside_mask(matrix, side, (height, width, 3))
        np.testing.assert_array_equal(np.zeros_like(wanted) if outside is None else outside, wanted)
        crop = rng.integers(1, 128, (side, side, 3), dtype=np.uint8)
        np.testing.assert_array_equal(fill_outside(crop, outside, 128), np.where(wanted[..., None], 128, crop))
