from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.core.vocabulary import load_lexicon
from fertools.sources.naming import NamingRules

LEXICON = load_lexicon()


@pytest.mark.parametrize(
    ("below", "emotion"),
    [
        ("joyful/a.mp4", "happiness"),
        ("Happiness/a.mp4", "happiness"),
        ("03_Ill-Tempered/a.mp4", "anger"),
        ("p01/surprise/a.mp4", "surprise"),
        ("surprise/p01/a.mp4", "surprise"),
        ("sad/happy/a.mp4", "happiness"),
        ("holiday/a.mp4", None),
        ("not happy/a.mp4", None),
        ("happy.mp4", None),
        ("An/a.mp4", None),
        ("su/a.mp4", None),
        ("SUR/a.mp4", "surprise"),
    ],
)
def test_the_nearest_folder_that_is_an_emotion_labels(below: str, emotion: str | None) -> None:
    named = NamingRules(LEXICON).read(Path(below))
    assert named.emotion == emotion
    assert named.emotion_origin == (None if emotion is None else "folder")


@pytest.mark.parametrize(
    ("rule", "below", "subject", "origin"),
    [
        ("auto", "p01/happy/a.mp4", "p01", "folder"),
        ("auto", "happy/Subject-12/a.mp4", "Subject-12", "folder"),
        ("auto", "happy/a.mp4", None, None),
        ("auto", "pictures/a.mp4", None, None),
        ("folder", "anna-k/a.mp4", "anna-k", "folder"),
        ("folder", "a.mp4", None, None),
        ("none", "p01/a.mp4", None, None),
        (r"(\d{4})_", "1001_IEO_HAP_LO.flv", "1001", "dataset"),
        (r"(\d{4})_", "other.flv", None, None),
    ],
)
def test_the_subject_comes_from_where_the_rule_says(
    rule: str, below: str, subject: str | None, origin: str | None
) -> None:
    named = NamingRules(LEXICON, subject_from=rule).read(Path(below))
    assert (named.subject, named.subject_origin) == (subject, origin)


def test_an_emotion_pattern_goes_through_the_lexicon() -> None:
    rules = NamingRules(LEXICON, emotion_from=r"_([A-Z]{3})_[A-Z]{2}\.")
    assert rules.read(Path("1001_IEO_HAP_LO.mp4")).emotion == "happiness"
    assert rules.read(Path("1001_IEO_XXX_LO.mp4")).emotion is None
    assert NamingRules(LEXICON, emotion_from="none").read(Path("happy/a.mp4")).emotion is None


@pytest.mark.parametrize("rule", ["(", "no group"])
def test_a_rule_that_cannot_be_is_refused(rule: str) -> None:
    with pytest.raises(InputError, match="`subject_from`"):
        NamingRules(LEXICON, subject_from=rule)
    with pytest.raises(InputError, match="`emotion_from`"):
        NamingRules(LEXICON, emotion_from=rule)


@pytest.mark.parametrize(
    ("below", "given", "subject", "emotion"),
    [
        ("a.mp4", "joyful", None, "happiness"),
        ("a.mp4", "p07", "p07", None),
        ("sad/a.mp4", "joyful", None, "sadness"),
        ("p07/happy/a.mp4", "p07", "p07", "happiness"),
        ("a.mp4", "videos", None, None),
    ],
)
def test_the_given_folder_itself_counts_last(below: str, given: str, subject: str | None, emotion: str | None) -> None:
    named = NamingRules(LEXICON).read(Path(below), given)
    assert (named.subject, named.emotion) == (subject, emotion)


@pytest.mark.parametrize(
    ("below", "given", "rules"),
    [
        ("P03/S1/a.mp4", "videos", {"P03": "^([^/]+)/", "S1": "^[^/]+/([^/]+)/"}),
        ("lab/P03/happy/S1/a.mp4", "", {"P03": "^[^/]+/([^/]+)/", "S1": "^(?:[^/]+/){3}([^/]+)/"}),
        ("S1/a.mp4", "P03", {"S1": "^([^/]+)/"}),
    ],
)
def test_two_folders_that_are_people_are_refused_with_what_to_say(
    below: str, given: str, rules: dict[str, str]
) -> None:
    with pytest.raises(InputError, match="'P03' and 'S1'") as refused:
        NamingRules(LEXICON).read(Path(below), given)
    for name, rule in rules.items():
        assert f"`subject_from` '{rule}' takes '{name}'" in str(refused.value)
        assert NamingRules(LEXICON, subject_from=rule).read(Path(below), given).subject == name


def test_codes_belong_to_patterns() -> None:
    rules = NamingRules(LEXICON, emotion_from="^([A-Z]{2})/")
    assert [rules.read(Path(f"{code}/a.mp4")).emotion for code in ("AN", "SU", "XX")] == ["anger", "surprise", None]


def test_the_given_folder_is_nobody_by_the_rule_of_folders() -> None:
    assert NamingRules(LEXICON, subject_from="folder").read(Path("a.mp4"), "videos").subject is None


@pytest.mark.parametrize(
    ("rule", "below", "sequence"),
    [
        ("none", "S005/001/S005_001_00000011.png", None),
        ("folder", "S005/001/S005_001_00000011.png", "S005/001"),
        ("folder", "photo.png", None),
        (r"^(S\d+)/(\d+)/", "S005/001/S005_001_00000011.png", "S005/001"),
        (r"^(S\d+)/(\d+)/", "extra/photo.png", None),
    ],
)
def test_the_path_names_the_take_of_a_picture(rule: str, below: str, sequence: str | None) -> None:
    assert NamingRules(LEXICON, sequence_from=rule).read(Path(below)).sequence == sequence


def test_a_rule_for_takes_without_a_group_is_refused() -> None:
    with pytest.raises(InputError, match="has no group"):
        NamingRules(LEXICON, sequence_from="S005")
