"""Labels of tables: every cell is read by one vocabulary, and no row is lost or guessed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.core.label_distribution import OTHER, count_votes, read_expression
from fertools.core.vocabulary import load_lexicon
from fertools.sources.discovery import Discovery, discover
from fertools.sources.label_columns import LabelColumns, SourceLabels
from fertools.sources.label_table import UNLISTED, LabelTable, label_files, read_label_table

LEXICON = load_lexicon()


def _read(path: Path, text: str, columns: str = "") -> LabelTable:
    path.write_text(text, encoding="utf-8")
    return read_label_table(path, LEXICON, LabelColumns.parse(columns))


def _pictures(folder: Path, *names: str) -> Discovery:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return discover([folder])


@pytest.mark.parametrize(
    ("text", "votes"),
    [
        ("Happy", {"happiness": 1}),
        ("happily surprised", {"happiness": 0.5, "surprise": 0.5}),
        ("Sadly_Angry", {"anger": 0.5, "sadness": 0.5}),
        ("fear|sad", {"fear": 0.5, "sadness": 0.5}),
        ("anger:fear:sadness", {"anger": 1 / 3, "fear": 1 / 3, "sadness": 1 / 3}),
        ("angry and sad", {"anger": 0.5, "sadness": 0.5}),
    ],
)
def test_words_and_compound_labels(text: str, votes: dict[str, float]) -> None:
    found = read_expression(text, LEXICON)
    assert found is not None
    assert dict(found.votes) == pytest.approx(votes)
    assert (found.winner is None) == (len(votes) > 1)
    assert (found.reason or "tie").endswith("tie")


@pytest.mark.parametrize("text", ["uncertain", "happy-ish", "quickly surprised", "fear|whatever", "7"])
def test_what_the_lexicon_does_not_have_is_no_label(text: str) -> None:
    assert read_expression(text, LEXICON) is None
    assert read_expression(text, LEXICON, ["neutral", "uncertain"]) is None


def test_most_votes_for_no_expression_leave_the_label_empty() -> None:
    votes = count_votes({"anger": 2, "unknown": 3, "NF": 2, "sad": 0}, LEXICON)
    assert dict(votes.votes) == {"anger": 2, OTHER: 5}
    assert (votes.winner, votes.reason) == (None, "most votes name no expression of the lexicon")
    assert count_votes({}, LEXICON).reason == "nobody voted"
    with pytest.raises(ValueError, match="no number of votes"):
        count_votes({"anger": -1}, LEXICON)


def test_several_faces_of_one_picture_are_all_kept(tmp_path: Path) -> None:
    text = "image,top,left,right,bottom,label\na.jpg,5,10,50,60,3\na.jpg,5,100,150,60,4\nb.jpg,,,,,0\n"
    columns = "box=left:top:right:bottom,classes=angry:disgust:fear:happy:sad"
    labels = _read(tmp_path / "expw.csv", text, columns).labels
    assert [(one.box, one.emotion) for one in labels["a.jpg"]] == [
        ((10, 5, 50, 60), "happiness"),
        ((100, 5, 150, 60), "sadness"),
    ]
    assert [(one.box, one.emotion) for one in labels["b.jpg"]] == [(None, "anger")]


@pytest.mark.parametrize(
    ("header", "cells", "columns"),
    [
        ("path,face_x,face_y,face_width,face_height", "a.jpg,1,2,3,4", ""),
        ("path,x,y,width,height", "a.jpg,1,2,3,4", ""),
        ("path,bbox", 'a.jpg,"(1, 2, 4, 6)"', ""),
        ("path,place", 'a.jpg,"[1.0, 2.0, 3.0, 4.0]"', "box_size=place"),
        ("path;a;b;c;d", "a.jpg;1;2;4;6", "box=a:b:c:d"),
    ],
)
def test_forms_of_boxes(tmp_path: Path, header: str, cells: str, columns: str) -> None:
    (labels,) = _read(tmp_path / "t.csv", f"{header}\n{cells}\n", columns).labels["a.jpg"]
    assert labels.box == (1, 2, 4, 6)


def test_votes_in_columns_have_a_winner_or_a_reason(tmp_path: Path) -> None:
    text = "image,neutral,happiness,unknown,NF\na.png,1,9,0,0\nb.png,5,5,0,0\nc.png,1,0,9,0\nd.png,0,0,0,10\n"
    table = _read(tmp_path / "ferplus.csv", text, "votes=neutral:happiness:unknown:NF")
    found = {name: labels[0] for name, labels in table.labels.items()}
    assert {name: one.emotion for name, one in found.items()} == {
        "a.png": "happiness",
        "b.png": None,
        "c.png": None,
        "d.png": None,
    }
    assert found["a.png"].votes == (("happiness", 9.0), ("neutral", 1.0))
    assert found["b.png"].reason == "ferplus.csv:3: happiness and neutral tie"
    assert found["d.png"].votes == ((OTHER, 10.0),)


def test_several_rows_of_one_face_are_votes(tmp_path: Path) -> None:
    text = "path,rater,emotion,subject\n" + "".join(
        f"{name},{rater},{word},p1\n"
        for name, words in (("a.jpg", "happy happy sad"), ("b.jpg", "fear anger"), ("c.jpg", "fear fear"))
        for rater, word in enumerate(words.split())
    )
    labels = {name: one[0] for name, one in _read(tmp_path / "t.csv", text).labels.items()}
    assert (labels["a.jpg"].emotion, labels["a.jpg"].votes) == ("happiness", (("happiness", 2), ("sadness", 1)))
    assert (labels["b.jpg"].emotion, labels["b.jpg"].reason) == (None, "anger and fear tie")
    assert (labels["c.jpg"].emotion, labels["c.jpg"].votes) == ("fear", ())
    assert {one.subject_id for one in labels.values()} == {"p1"}


def test_rows_that_disagree_about_other_values_leave_them_empty(tmp_path: Path) -> None:
    text = "path,valence,arousal,split\na.jpg,0.5,0,train\na.jpg,0.1,0,test\n"
    (labels,) = _read(tmp_path / "t.csv", text).labels["a.jpg"]
    assert (labels.valence, labels.arousal, labels.split) == (None, None, None)
    assert labels.reason == "its rows give several values of valence; its rows give several values of split"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,valence,arousal\na.jpg,1.4,0\n", r"t\.csv:2: valence is 1\.4; give a number from -1 to 1"),
        ("path,valence,arousal\na.jpg,0.4,\n", "only one of valence and arousal"),
        ("path,split\na.jpg,holdout\n", "the split 'holdout' is unknown"),
        ("path,bbox\na.jpg,1 2 3\n", "has not four numbers"),
        ("path,x1,y1,x2,y2\na.jpg,9,1,3,4\n", "has no area"),
        ("path,label\na.jpg,3\n", "number of a class"),
        ("path,emotion\n,happy\n", "the path is empty"),
        ("emotion\nhappy\n", "has no column of paths; its columns are emotion"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        _read(tmp_path / "t.csv", text)


@pytest.mark.parametrize("text", ["emotion", "feeling=label", "path=a,path=b", "box=a:b"])
def test_wrong_columns_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="`columns`"):
        LabelColumns.parse(text)


def test_columns_are_written_as_they_are_read() -> None:
    text = "path=file,emotion=expression,box=a:b:c:d,classes=neutral:happy"
    assert str(LabelColumns.parse(text)) == text
    with pytest.raises(InputError, match="has no column 'expression'; its columns are file, label"):
        LabelColumns.parse("emotion=expression").find(["file", "label"], "t.csv")


def test_va_of_minus_two_is_unknown(tmp_path: Path) -> None:
    (labels,) = _read(tmp_path / "t.csv", "path,valence,arousal\na.jpg,-2,-2\n").labels["a.jpg"]
    assert (labels.valence, labels.arousal) == (None, None)


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    text = "path,emotion,valence,arousal\nx/a.jpg,happy,0.5,0.25\n"
    of_csv = _read(tmp_path / "t.csv", text).labels
    columns = {"path": ["x/a.jpg"], "emotion": ["happy"], "valence": [0.5], "arousal": [0.25]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (labels,) = read_label_table(tmp_path / "t.parquet", LEXICON).labels["x/a.jpg"]
    assert (labels.emotion, labels.valence, labels.arousal) == ("happiness", 0.5, 0.25)
    assert of_csv["x/a.jpg"][0].emotion == labels.emotion


def test_only_files_that_the_table_names_are_kept(tmp_path: Path) -> None:
    found = _pictures(tmp_path / "set", "x/a.png", "y/a.png", "b.png", "left.png")
    text = "path,emotion\nset/x/a.png,happy\n./y\\a.png,sad\nb.png,puzzled\nlost.png,fear\n"
    labelled = label_files(found, _read(tmp_path / "t.csv", text))
    assert {file.below.as_posix(): file.labels[0].emotion for file in labelled.files} == {
        "b.png": None,
        "x/a.png": "happiness",
        "y/a.png": "sadness",
    }
    assert labelled.passed_over == {UNLISTED: 1}
    assert labelled.remarks == (
        "missing: 1 of 4 files in t.csv, the first lost.png",
        "unknown: labels in t.csv that the lexicon does not have stay empty: 'puzzled' (1)",
    )


def test_an_ambiguous_or_foreign_table_is_refused(tmp_path: Path) -> None:
    found = _pictures(tmp_path / "set", "x/a.png", "y/a.png")
    with pytest.raises(InputError, match=r"'a\.png' in t\.csv matches several files"):
        label_files(found, _read(tmp_path / "t.csv", "path,emotion\na.png,happy\n"))
    with pytest.raises(InputError, match=r"names none of the 2 given files; its first path is '/etc/passwd'"):
        label_files(found, LabelTable("t.csv", {"/etc/passwd": (SourceLabels(),)}, {}))
