"""The drawn people: found by the published detector, told apart by what they show, each like no other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.feature import hog
from sklearn.svm import LinearSVC

from fertools.core.vocabulary import EMOTIONS
from fertools.faces.alignment import align
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.samples.expression import ACTION_NAMES, PROTOTYPES
from fertools.samples.identity import draw_person
from fertools.samples.moments import Moment, draw_clip
from fertools.samples.sample_options import MODALITIES

FRAMES = 12


def _apex(number: int, emotion: str, look: str) -> Moment:
    return draw_clip(number, emotion, look, FRAMES).moments[-1]


def _frontal_errors(look: str, people: range) -> list[float | None]:
    """Return the landmark error in eye distances of each frontal face, None where the detector finds none."""
    # The smallest faces drawn are some eighty pixels wide.
    detector = MtcnnDetector(min_face=40)
    errors: list[float | None] = []
    for number in people:
        for emotion in EMOTIONS:
            moment = _apex(number, emotion, look)
            pose = moment.pose("visible")
            if abs(pose.yaw_deg) > 20 or abs(pose.pitch_deg) > 15:
                continue
            truth = moment.landmarks("visible", 256)
            found = detector.detect([moment.picture("visible", 256)])[0]
            distances = np.linalg.norm(found.landmarks[found.scores > 0.9] - truth, axis=2).mean(axis=1)
            distances = distances / np.linalg.norm(truth[1] - truth[0])
            errors.append(float(distances.min()) if (distances < 0.5).any() else None)
    return errors


@pytest.mark.parametrize("look", ["lab", "wild"])
def test_mtcnn_finds_the_frontal_faces_and_their_points(look: str) -> None:
    errors = _frontal_errors(look, range(1, 8))
    found = [error for error in errors if error is not None]
    assert len(errors) > 35
    assert len(found) >= 0.95 * len(errors)
    assert np.mean(found) <= 0.08
    assert np.mean(np.array(found) <= 0.08) >= 0.9


def _features(people: range) -> tuple[NDArray[np.float64], list[str]]:
    rows, labels = [], []
    for number in people:
        for emotion in EMOTIONS:
            moment = _apex(number, emotion, "lab")
            crop, _ = align(moment.picture("visible", 128), moment.landmarks("visible", 128), "loose", 64)
            grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
            rows.append(hog(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2)))
            labels.append(emotion)
    return np.array(rows), labels


def test_a_small_classifier_learns_expressions_across_people_but_not_perfectly() -> None:
    classifier = LinearSVC(C=0.1).fit(*_features(range(1, 21)))
    features, labels = _features(range(21, 33))
    right = float(np.mean(classifier.predict(features) == np.array(labels)))
    assert 3 / 7 < right < 0.95


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_moment_is_the_same_whenever_it_is_drawn(modality: str) -> None:
    one, other = (_apex(3, "fear", "wild").picture(modality, 128) for _ in range(2))
    assert one.dtype == np.uint8
    assert one.shape == (128, 128, 3)
    assert np.array_equal(one, other)


def test_people_differ_more_than_one_person_does() -> None:
    """The same expression of two people is further apart than two frames of one person."""

    def crop(number: int, frame: int) -> NDArray[np.float64]:
        moment = draw_clip(number, "neutral", "lab", FRAMES).moments[frame]
        return align(moment.picture("visible", 128), moment.landmarks("visible", 128), "tight", 32)[0].astype(float)

    same = [np.abs(crop(number, 0) - crop(number, 11)).mean() for number in range(1, 7)]
    others = [np.abs(crop(number, 0) - crop(number + 1, 0)).mean() for number in range(1, 7)]
    assert np.mean(others) > 3 * np.mean(same)


@pytest.mark.parametrize("emotion", [emotion for emotion in EMOTIONS if emotion != "neutral"])
def test_intensity_rises_and_moves_the_face_away_from_rest(emotion: str) -> None:
    moments = draw_clip(2, emotion, "lab", FRAMES).moments
    intensities = [moment.intensity for moment in moments]
    assert intensities == sorted(intensities)
    assert 0 < intensities[0] < intensities[-1] <= 1
    strength = [sum(getattr(moment.actions, name) for name in ACTION_NAMES) for moment in (moments[0], moments[-1])]
    assert strength[1] > strength[0]
    felt = [np.hypot(*moment.felt) for moment in (moments[0], moments[-1])]
    assert felt[1] > felt[0]


@pytest.mark.parametrize(("least", "first"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_the_first_frame_shows_the_share_of_the_peak_that_is_wanted(least: float, first: float) -> None:
    moments = draw_clip(1, "fear", "lab", 5, least_shown=least).moments
    assert moments[0].intensity == pytest.approx(first * moments[-1].intensity)
    assert moments[-1].intensity == draw_clip(1, "fear", "lab", 5).moments[-1].intensity


def test_every_prototype_is_another() -> None:
    assert set(PROTOTYPES) == set(EMOTIONS)
    assert len(set(PROTOTYPES.values())) == len(EMOTIONS)


def test_the_thermal_picture_is_grey_and_glasses_are_dark_in_it() -> None:
    number = next(number for number in range(1, 60) if draw_person(number).glasses)
    moment = _apex(number, "neutral", "lab")
    picture = moment.picture("thermal", 256)
    assert np.array_equal(picture[..., 0], picture[..., 2])
    points = moment.landmarks("thermal", 256)
    eye, nose_side = points[0].astype(int), ((points[0] + points[3]) / 2).astype(int)
    assert picture[eye[1], eye[0], 0] + 40 < picture[nose_side[1], nose_side[0], 0]


def test_a_turned_head_moves_the_nose_the_way_it_turns() -> None:
    for number in range(1, 12):
        moment = _apex(number, "neutral", "wild")
        pose, points = moment.pose("visible"), moment.landmarks("visible", 256)
        if abs(pose.yaw_deg) < 10 or abs(pose.roll_deg) > 8:
            continue
        middle = points[[0, 1, 3, 4]].mean(axis=0)
        assert np.sign(points[2, 0] - middle[0]) == np.sign(pose.yaw_deg)
