from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS, Lexicon, load_lexicon, normalise


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Happy", "happy"),
        ("03_Ill-Tempered", "ill tempered"),
        ("  cold   feet ", "cold feet"),
        ("AN1", "an"),
        ("7", ""),
        ("", ""),
        ("Überrascht", "überrascht"),
        ("at.ease", "at ease"),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(text=st.text())
def test_to_normalise_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_the_seven_are_in_alphabetical_order() -> None:
    assert tuple(sorted(EMOTIONS)) == EMOTIONS
    assert len(EMOTIONS) == 7


def _workspace(tmp_path: Path, text: str, without: str = "") -> Path:
    (tmp_path / "annotations").mkdir()
    tables = "".join(f"[labels.{label}]\nwords = []\n" for label in EMOTIONS if label != without)
    (tmp_path / "annotations" / "lexicon.toml").write_text(tables + text)
    return tmp_path


def test_a_workspace_has_its_own_words_and_labels(tmp_path: Path) -> None:
    lexicon = load_lexicon(_workspace(tmp_path, "[labels.zeal]\nwords = ['On-Fire']\n[labels.boredom]\nwords = []"))
    assert lexicon.labels == (*EMOTIONS, "boredom", "zeal")
    assert lexicon.lookup("02 on_fire") == "zeal"
    assert lexicon.lookup("fear") == "fear"
    assert lexicon.lookup("joy") is None


def test_one_of_the_seven_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks a \[labels.fear\] table"):
        load_lexicon(_workspace(tmp_path, "", without="fear"))


def test_one_word_for_two_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="assigns the word 'Fear_1' to both fear and zeal"):
        load_lexicon(_workspace(tmp_path, "[labels.zeal]\nwords = ['Fear_1']"))


def test_lookup_takes_the_whole_text() -> None:
    lexicon = Lexicon(("fear",), {"fear": "fear"})
    assert lexicon.lookup("1-FEAR") == "fear"
    assert lexicon.lookup("fear of heights") is None
