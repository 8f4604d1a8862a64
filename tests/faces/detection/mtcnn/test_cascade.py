from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.detection.detections import Detections
from fertools.faces.detection.min_face import MinFace
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.tracking import overlaps
from tests.faces.detection.mtcnn.oracle import facenet_detect, facenet_mtcnn
from tests.faces.scenes import Picture, scene

SCENES: dict[str, tuple[int, int, list[tuple[int, int, int]], int]] = {
    # name: height, width, pasted portraits, least number of faces that there are to find
    "as it is": (512, 512, [(512, 0, 0)], 1),
    "small": (240, 320, [(128, 90, 50)], 1),
    "large": (900, 700, [(1000, -150, -80)], 1),
    "two of two sizes": (360, 640, [(300, 10, 30), (160, 420, 100)], 2),
    "six in a crowd": (480, 800, [(200 + 20 * n, 130 * n - 30, 40 + 35 * (n % 3)) for n in range(6)], 5),
    "cut off at the left": (300, 300, [(300, -100, 0)], 1),
    "cut off at the top": (300, 300, [(300, 0, -45)], 1),
    "cut off at the right": (300, 240, [(300, 0, 0)], 1),
    "odd sides": (333, 517, [(301, 101, 17)], 1),
    "nobody": (200, 300, [], 0),
}


def assert_same(ours: Detections, theirs: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]) -> None:
    boxes, scores, points = theirs
    assert len(ours) == len(scores)
    # Equal scores may come in either order, so each face is compared with the nearest.
    for box, score, five in zip(boxes, scores, points, strict=True):
        place = int(np.abs(ours.boxes - box).sum(axis=1).argmin())
        np.testing.assert_allclose(ours.boxes[place], box, atol=0.01)
        np.testing.assert_allclose(ours.landmarks[place], five, atol=0.01)
        np.testing.assert_allclose(ours.scores[place], score, atol=1e-4)


@pytest.mark.parametrize("name", SCENES)
def test_the_results_are_the_oracles(portrait: Picture, name: str) -> None:
    height, width, places, least = SCENES[name]
    picture = scene(portrait, height, width, places)
    theirs = facenet_detect(facenet_mtcnn(), picture)
    assert len(theirs[0]) >= least, "the oracle itself finds too few: this scene tests nothing"
    assert_same(MtcnnDetector(mode="exact").detect([picture])[0], theirs)


@pytest.mark.parametrize("min_face", [12, 30, 60.5, 120])
def test_the_smallest_face_is_the_oracles(portrait: Picture, min_face: float) -> None:
    picture = scene(portrait, 300, 700, [(110, 0, 20), (260, 120, 20), (300, 390, 0)])
    oracle = facenet_mtcnn()
    oracle.min_face_size = min_face
    theirs = facenet_detect(oracle, picture)
    assert_same(MtcnnDetector(min_face, mode="exact").detect([picture])[0], theirs)


def test_the_fast_mode_finds_the_same_faces_near_by(portrait: Picture) -> None:
    strays, sides = [], []
    for height, width, places, _ in SCENES.values():
        picture = scene(portrait, height, width, places)
        exact, fast = (MtcnnDetector(mode=mode).detect([picture])[0] for mode in ("exact", "fast"))
        assert len(fast) == len(exact)
        if not len(exact):
            continue
        overlap = overlaps(exact.boxes, fast.boxes)
        assert overlap.max(axis=1).min() > 0.8
        place = overlap.argmax(axis=1)
        eyes = np.linalg.norm(exact.landmarks[:, 1] - exact.landmarks[:, 0], axis=1)
        strays += (np.linalg.norm(exact.landmarks - fast.landmarks[place], axis=2).mean(axis=1) / eyes).tolist()
        widths = exact.boxes[:, 2] - exact.boxes[:, 0]
        sides += (np.abs(exact.boxes - fast.boxes[place]).mean(axis=1) / widths).tolist()
    assert np.mean(strays) < 0.02
    assert np.mean(sides) < 0.04
    assert max(strays) > 0, "the modes are one"


def test_a_mode_must_be_known() -> None:
    with pytest.raises(InputError, match="`mode` 'rapid' is unknown; choose one of fast, exact"):
        MtcnnDetector(mode="rapid")


def test_a_larger_smallest_face_finds_fewer(portrait: Picture) -> None:
    picture = scene(portrait, 300, 700, [(110, 0, 20), (260, 120, 20), (300, 390, 0)])
    # The faces are about 20, 48 and 58 pixels large, and the networks see one of half their window too.
    assert [len(MtcnnDetector(px).detect([picture])[0]) for px in (12, 60, 120)] == [3, 2, 1]


def test_a_share_is_so_many_pixels(portrait: Picture) -> None:
    picture = scene(portrait, 300, 700, [(110, 0, 20), (260, 120, 20)])
    share, pixels = (MtcnnDetector(size).detect([picture])[0] for size in (MinFace(share=0.1), 30))
    np.testing.assert_array_equal(share.boxes, pixels.boxes)


@pytest.mark.parametrize(
    ("thresholds", "factor"), [((0.5, 0.5, 0.5), 0.709), ((0.9, 0.7, 0.9), 0.709), ((0.6, 0.7, 0.7), 0.85)]
)
def test_thresholds_and_factor_are_the_oracles(
    portrait: Picture, thresholds: tuple[float, float, float], factor: float
) -> None:
    picture = scene(portrait, 480, 800, SCENES["six in a crowd"][2])
    oracle = facenet_mtcnn()
    oracle.thresholds, oracle.factor = list(thresholds), factor
    theirs = facenet_detect(oracle, picture)
    assert_same(MtcnnDetector(thresholds=thresholds, factor=factor, mode="exact").detect([picture])[0], theirs)


def test_mixed_sizes_in_one_call_equal_single_calls_to_the_bit(portrait: Picture) -> None:
    pictures = [scene(portrait, *SCENES[name][:3]) for name in ("small", "odd sides", "nobody", "small", "as it is")]
    pictures.append(np.ascontiguousarray(pictures[0][:, ::-1]))
    detector = MtcnnDetector()
    for together, picture in zip(detector.detect(pictures), pictures, strict=True):
        alone = detector.detect([picture])[0]
        assert together.boxes.tobytes() == alone.boxes.tobytes()
        assert together.scores.tobytes() == alone.scores.tobytes()
        assert together.landmarks.tobytes() == alone.landmarks.tobytes()


def test_threads_give_the_same_bits(portrait: Picture) -> None:
    pictures = [scene(portrait, 240, 320 + 7 * n, [(128 + 5 * n, 60, 40)]) for n in range(8)]
    detector = MtcnnDetector()
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda picture: detector.detect([picture])[0], pictures))
    for one, other in zip(beside, detector.detect(pictures), strict=True):
        assert len(one) == 1
        assert one.boxes.tobytes() == other.boxes.tobytes()
        assert one.landmarks.tobytes() == other.landmarks.tobytes()


def test_the_surest_face_comes_first(portrait: Picture) -> None:
    found = MtcnnDetector().detect([scene(portrait, 480, 800, SCENES["six in a crowd"][2])])[0]
    assert (np.diff(found.scores) <= 0).all()
    assert found.boxes.dtype == found.scores.dtype == found.landmarks.dtype == np.float32


def test_points_lie_in_the_order_that_is_promised(portrait: Picture) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = MtcnnDetector().detect([portrait])[0].landmarks[0]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("size", [(0, 0), (0, 20), (1, 1), (11, 50), (12, 12), (20, 20), (21, 400), (400, 21)])
def test_a_tiny_picture_holds_no_face_and_does_no_harm(size: tuple[int, int]) -> None:
    found = MtcnnDetector(12).detect([np.full((*size, 3), 128, dtype=np.uint8)])[0]
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_no_pictures_are_no_answers() -> None:
    assert MtcnnDetector().detect([]) == []


@pytest.mark.parametrize(
    "frame", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 3), np.float32)]
)
def test_what_is_no_rgb_picture_is_refused(frame: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="frame 1 is"):
        MtcnnDetector().detect([np.zeros((20, 20, 3), np.uint8), frame])


@pytest.mark.parametrize(
    ("text", "height", "width", "px"),
    [
        ("20", 1080, 1920, 20),
        (" 24.5 ", 100, 100, 24.5),
        ("10%", 1080, 1920, 108),
        ("10%", 1920, 1080, 108),
        ("1%", 480, 640, 12),
        ("100%", 50, 90, 50),
        ("12", 5, 5, 12),
    ],
)
def test_smallest_faces_that_can_be(text: str, height: int, width: int, px: float) -> None:
    assert MinFace.parse(text).in_picture(height, width) == px


@pytest.mark.parametrize("text", ["", "%", "tiny", "0", "11.9", "-3", "0%", "101%", "inf", "nan", "20px", "1e999"])
def test_smallest_faces_that_cannot_be(text: str) -> None:
    with pytest.raises(InputError, match="the smallest face"):
        MinFace.parse(text)


@pytest.mark.parametrize("thresholds", [(0.6, 0.7, 1.0), (0.0, 0.7, 0.7), (0.6, 0.7)])
def test_thresholds_that_cannot_be(thresholds: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="thresholds"):
        MtcnnDetector(thresholds=thresholds)


@pytest.mark.parametrize("factor", [0.05, 1.0])
def test_a_factor_that_cannot_be(factor: float) -> None:
    with pytest.raises(InputError, match="factor"):
        MtcnnDetector(factor=factor)
