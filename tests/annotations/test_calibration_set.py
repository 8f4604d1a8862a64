from __future__ import annotations

from pathlib import Path

import pytest

from fertools.annotations.calibration_set import Reference, choose_calibration, read_calibration
from fertools.annotations.catalogue import Catalogue
from fertools.annotations.queue_plan import Plan
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from tests.annotations.rating_events import face_id, rating_workspace
from tests.manifests.rows import Row, build, face

VA = ("va",)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(rating_workspace(tmp_path, faces=84, rated=True))


def test_one_face_of_each_expression_and_the_same_again(catalogue: Catalogue) -> None:
    chosen = choose_calibration(catalogue, Plan(calibration=7), VA)
    assert {catalogue.value("emotion", row) for row in chosen} == set(EMOTIONS)
    assert list(chosen) == list(choose_calibration(catalogue, Plan(calibration=7), VA))
    assert list(chosen) != list(choose_calibration(catalogue, Plan(calibration=7, seed=1), VA))
    assert choose_calibration(catalogue, Plan(calibration=0), VA) == {}
    assert len(choose_calibration(catalogue, Plan(calibration=50), VA)) == len(catalogue) // 10


def test_only_faces_with_a_rating_are_taken_and_a_prior_is_none(tmp_path: Path) -> None:
    label: Row = {"emotion": "fear", "emotion_origin": "folder"}
    rated: Row = {"valence": 0.25, "arousal": -0.5, "va_origin": "people", "va_raters": 2}
    filled: Row = {"valence": -0.64, "arousal": 0.6, "va_origin": "prior"}
    rows = [face("a", **label, **rated), face("b", frame=1, **label, **filled), face("c", frame=2, **label)]
    catalogue = Catalogue(build(tmp_path, rows))
    assert list(choose_calibration(catalogue, Plan(calibration=3), VA).values()) == [Reference("people", 0.25, -0.5)]
    both = choose_calibration(catalogue, Plan(calibration=3), ("va", "emotion"))
    assert list(both.values()) == [Reference("people", 0.25, -0.5, "fear")]
    named = choose_calibration(catalogue, Plan(calibration=1), ("emotion",))
    assert list(named.values()) == [Reference("folder", emotion="fear")]


def test_without_known_ratings_there_is_no_calibration(tmp_path: Path) -> None:
    catalogue = Catalogue(rating_workspace(tmp_path))
    with pytest.raises(InputError, match="no face in the manifest has one"):
        choose_calibration(catalogue, Plan(calibration=3), VA)


def test_the_owner_names_the_faces(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text(f"face_id,valence,arousal,emotion\n{face_id(5)},0.5,-0.25,fear\n{face_id(2)},0,1,anger\n")
    found = read_calibration(path, catalogue, VA, EMOTIONS)
    assert list(found) == [catalogue.row_of[face_id(5)], catalogue.row_of[face_id(2)]]
    assert found[catalogue.row_of[face_id(5)]] == Reference("gold.csv", 0.5, -0.25)
    named = read_calibration(path, catalogue, ("emotion",), EMOTIONS)
    assert named[catalogue.row_of[face_id(2)]] == Reference("gold.csv", emotion="anger")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("face_id,valence,arousal,emotion\nnobody,0,0,fear\n", "gold.csv:2: there is no face 'nobody'"),
        (f"face_id,valence,arousal,emotion\n{face_id(0)},2,0,fear\n", "gold.csv:2: valence 2.0 is not in"),
        (f"face_id,valence,arousal,emotion\n{face_id(0)},,0,fear\n", "gold.csv:2: valence  is not in"),
        (f"face_id,valence,arousal,emotion\n{face_id(0)},0,0,joyful\n", "gold.csv:2: 'joyful' is no expression"),
        (f"face_id,valence,arousal\n{face_id(0)},0,0\n", "no column emotion"),
        ("face_id,valence,arousal,emotion\n", "names no face"),
    ],
)
def test_tables_that_cannot_calibrate(catalogue: Catalogue, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "gold.csv").write_text(content)
    with pytest.raises(InputError, match=words):
        read_calibration(tmp_path / "gold.csv", catalogue, ("va", "emotion"), EMOTIONS)
