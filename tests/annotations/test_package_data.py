"""What the shipped files of `annotations/` say."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.annotations.circumplex import load_points
from fertools.core import package_data
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS, load_lexicon


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("happy", "happiness"),
        ("HA", "happiness"),
        ("joy", "happiness"),
        ("01_Joyful", "happiness"),
        ("smile", "happiness"),
        ("smiling", "happiness"),
        ("Angry", "anger"),
        ("AN", "anger"),
        ("AN1", "anger"),
        ("ANG", "anger"),
        ("ill-tempered", "anger"),
        ("ill_tempered", "anger"),
        ("disgusted", "disgust"),
        ("DI", "disgust"),
        ("afraid", "fear"),
        ("fearful", "fear"),
        ("FE", "fear"),
        ("sad", "sadness"),
        ("SA", "sadness"),
        ("surprised", "surprise"),
        ("SU", "surprise"),
        ("astonished", "surprise"),
        ("neutral", "neutral"),
        ("NE", "neutral"),
        ("calm", "neutral"),
        ("at ease", "neutral"),
        ("contemptuous", "contempt"),
        ("pain", "pain"),
    ],
)
def test_everyday_words_name_a_label(word: str, label: str) -> None:
    assert load_lexicon().lookup(word) == label


@pytest.mark.parametrize(
    "name", ["blue", "down", "cool", "normal", "images", "not happy", "happy sad", "video1", "", "07"]
)
def test_ordinary_folder_names_name_none(name: str) -> None:
    assert load_lexicon().lookup(name) is None


def test_the_labels_are_the_seven_in_order_and_then_the_wider_ones() -> None:
    assert load_lexicon().labels == (*EMOTIONS, "contempt", "pain")


def test_every_label_has_terms_to_search_for_and_the_paper_s_are_whole() -> None:
    table = package_data.load("annotations", "lexicon")["labels"]
    searched = {label: entry["search"] for label, entry in table.items()}
    assert all(searched.values())
    # Lengths of the lists of section 3 of "Emotion Generation and Recognition: A StarGAN Approach"; where the label
    # itself is a term (happy, neutral, ...), it is counted.
    assert {label: len(searched[label]) for label in EMOTIONS} == {
        "anger": 15,
        "disgust": 5,
        "fear": 14,
        "happiness": 13,
        "neutral": 9,
        "sadness": 13,
        "surprise": 9,
    }


def test_each_of_the_seven_has_a_point_with_a_source() -> None:
    points = load_points()
    assert tuple(points) == EMOTIONS
    assert (points["anger"].valence, points["anger"].arousal) == (-0.57, 0.63)
    assert (points["neutral"].valence, points["neutral"].arousal) == (0.0, 0.0)
    for point in points.values():
        assert point.source


def test_the_points_lie_in_the_quadrants_of_their_words() -> None:
    points = load_points()
    unpleasant = {label for label, point in points.items() if point.valence < 0}
    calm = {label for label, point in points.items() if point.arousal < 0}
    assert unpleasant == {"anger", "disgust", "fear", "sadness"}
    assert calm == {"sadness"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[points.joy]\nvalence = 0\narousal = 0\nsource = 'x'", "'joy', which is no label"),
        ("[points.fear]\nvalence = 0\narousal = 0", r"no source for \[points.fear\]"),
        ("[points.fear]\nvalence = 1.5\narousal = 0\nsource = 'x'", "valence 1.5; give a number in"),
        ("[points.fear]\nvalence = 0\nsource = 'x'", "arousal None; give a number in"),
        ("[points.fear]\nvalence = true\narousal = 0\nsource = 'x'", "valence True"),
        ("[points.fear]\nvalence = nan\narousal = 0\nsource = 'x'", "valence nan"),
    ],
)
def test_a_bad_point_of_a_workspace_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "circumplex.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_points(tmp_path)
