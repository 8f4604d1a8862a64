"""Drawn laboratory and wild looks: different people, known truth, easy in the laboratory and hard in the wild."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.feature import hog
from sklearn.linear_model import RidgeClassifier

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.faces.alignment import align
from fertools.samples.camera import Camera
from fertools.samples.canvas import Canvas
from fertools.samples.clips import draw_clip_of
from fertools.samples.counterparts import open_drawn
from fertools.samples.dataset import draw_dataset
from fertools.samples.moments import Moment
from fertools.samples.sample_options import SampleOptions
from fertools.samples.snapshot import COVERS, draw_accidents

LABORATORY = SampleOptions(people=24, frames=1, kind="laboratory")
WILD = SampleOptions(people=7, frames=1, kind="wild", first_person=101)


def _moments(options: SampleOptions) -> list[Moment]:
    (look,) = options.looks
    return [
        moment
        for person in options.numbers
        for emotion in EMOTIONS
        for moment in draw_clip_of(options, person, emotion, look).moments
    ]


def _features(moments: list[Moment]) -> NDArray[np.float64]:
    rows = []
    for moment in moments:
        crop, _ = align(moment.picture("visible", 112), moment.landmarks("visible", 112), "tight", 48)
        rows.append(hog(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), pixels_per_cell=(8, 8), cells_per_block=(2, 2)))
    return np.array(rows)


def _labels(moments: list[Moment]) -> list[str]:
    return [moment.manner.emotion for moment in moments]


def test_a_classifier_of_laboratory_faces_loses_much_in_the_wild() -> None:
    laboratory, wild = _moments(LABORATORY), _moments(WILD)
    learnt = [moment for moment in laboratory if moment.person.number <= 18]
    tested = [moment for moment in laboratory if moment.person.number > 18]
    classifier = RidgeClassifier(1.0).fit(_features(learnt), _labels(learnt))
    own, other = (classifier.score(_features(moments), _labels(moments)) for moments in (tested, wild))
    assert own > 0.75
    assert 1.2 / 7 < other < own - 0.25


def test_datasets_of_one_seed_with_other_numbers_show_other_people() -> None:
    people = {moment.person.subject_id: moment.person for moment in _moments(WILD)}
    assert list(people) == [f"p{number}" for number in range(101, 108)]
    again = {moment.person.number: moment.person for moment in _moments(SampleOptions(people=1, frames=1, kind="wild"))}
    assert again[1].skin not in {person.skin for person in people.values()}


def test_laboratory_people_pose_at_full_strength_and_wild_ones_do_not() -> None:
    posed, wild = ([moment.intensity for moment in _moments(options)] for options in (LABORATORY, WILD))
    assert min(posed) >= 0.85
    assert np.mean(wild) < 0.75
    turned = [np.std([moment.pose("visible").yaw_deg for moment in _moments(one)]) for one in (LABORATORY, WILD)]
    assert turned[1] > 3 * turned[0]


def test_a_snapshot_is_the_same_whenever_it_is_drawn_and_keeps_its_accidents_with_another_expression() -> None:
    (moment,) = draw_clip_of(WILD, 103, "fear", "snapshot").moments
    (again,) = draw_clip_of(WILD, 103, "fear", "snapshot").moments
    np.testing.assert_array_equal(moment.picture("visible", 96), again.picture("visible", 96))
    assert moment.scene.accidents == again.scene.accidents
    (laboratory,) = draw_clip_of(SampleOptions(people=1, frames=1, kind="laboratory"), 1, "fear", "lab").moments
    assert laboratory.scene.accidents is None


@pytest.mark.parametrize("cover", COVERS)
def test_something_in_front_of_a_face_changes_it_and_little_else(cover: str) -> None:
    covered = next(found for seed in range(500) if (found := draw_accidents(seed)).cover == cover)
    (moment,) = draw_clip_of(SampleOptions(people=1, frames=1, kind="laboratory"), 1, "fear", "lab").moments
    free = moment.picture("visible", 128).astype(np.float32)
    seen = free.copy()
    covered = replace(covered, is_shaded=False)
    covered.paint_front(Canvas(seen), Camera(moment.pose("visible"), 128), moment.person)
    changed = np.abs(seen - free).max(axis=2) > 8
    assert 0.005 < changed.mean() < 0.45
    assert not changed[:10].any()


def test_there_are_free_and_covered_grey_and_coloured_snapshots() -> None:
    drawn = [draw_accidents(seed) for seed in range(300)]
    assert 0.2 < np.mean([bool(one.cover) for one in drawn]) < 0.4
    assert 0.15 < np.mean([one.is_grey for one in drawn]) < 0.35
    grey = next(one for one in drawn if one.is_grey)
    noisy = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    saved = grey.save(noisy)
    assert np.array_equal(saved[..., 0], saved[..., 2])


def test_the_files_are_the_moments_and_the_truth_is_beside_them(tmp_path: Path) -> None:
    options = SampleOptions(people=1, frames=1, size_px=64, kind="wild", first_person=7)
    summary = draw_dataset(tmp_path, options)
    assert (summary.videos, summary.stills) == (0, 7)
    with (tmp_path / "truth.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["subject_id"], row["look"], row["modality"]) for row in rows} == {("p07", "snapshot", "visible")}
    dataset = open_drawn(tmp_path)
    moment = dataset.moment(tmp_path / rows[0]["path"], 0)
    assert moment is not None
    coded = cv2.imread(str(tmp_path / rows[0]["path"]))
    assert coded is not None
    np.testing.assert_array_equal(moment.picture("visible", 64), coded[..., ::-1])
    assert dataset.moment(tmp_path / rows[0]["path"].replace("p07", "p01"), 0) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"first_person": 0}, "first_person. is 0"),
        ({"kind": "wild", "stills": 1}, "stills. shapes clips"),
        ({"kind": "laboratory", "pictures": 1}, "pictures. belongs to characters"),
    ],
)
def test_options_that_do_not_go_together_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SampleOptions(**values)  # type: ignore[arg-type]
