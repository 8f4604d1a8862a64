from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.annotations.current import current_annotations
from fertools.annotations.label_import import ImportSummary, import_labels
from fertools.annotations.log import RatingLog
from fertools.annotations.prior import fill_prior
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests.validation import validate
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools
from tests.manifests.rows import Row, build, face, faces_of, identify, source

A, B, C, D = (identify(name) for name in "abcd")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two faces in frame 0 of a clip, one in its frame 5, one in a clip of the same name elsewhere, one empty clip."""
    faces = [
        face("a", "x/clip.mp4", 0),
        face("b", "x/clip.mp4", 0, subject_id="ben"),
        face("c", "x/clip.mp4", 5),
        face("d", "y/clip.mp4", 0, emotion="fear", emotion_origin="folder"),
    ]
    sources = [source("x/clip.mp4"), source("y/clip.mp4"), source("y/none.mp4", status="empty")]
    return build(tmp_path / "w", faces, sources, crops=True)


def _import(workspace: Workspace, text: str, **options: Any) -> ImportSummary:
    path = workspace.root / "labels.csv"
    path.write_text(text, encoding="utf-8")
    summary = import_labels(workspace, path, **options)
    assert isinstance(summary, ImportSummary)
    return summary


def _cells(workspace: Workspace, *names: str) -> dict[str, tuple[Any, ...]]:
    return {key: tuple(row[name] for name in names) for key, row in faces_of(workspace).items()}


@pytest.mark.parametrize("columns", ["source,emotion\n{},anger", "source,frame_index,emotion\n{},0,anger"])
def test_a_row_about_a_copy_of_another_file_is_counted(tmp_path: Path, columns: str) -> None:
    """Its faces stand under the file it is a copy of; a label that reaches nobody must not look as if it did."""
    copy = source("x/copy.mp4", status="duplicate", reason="same content as x/clip.mp4", frames_decoded=None)
    sources = [source("x/clip.mp4"), copy]
    workspace = build(tmp_path / "w", [face("a", "x/clip.mp4", 0)], sources, crops=True)
    assert _import(workspace, columns.format("copy.mp4")).rows_of_copies == 1
    assert _import(workspace, columns.format("clip.mp4")).rows_of_copies == 0


def test_labels_by_face_reach_that_face_with_their_origin(workspace: Workspace) -> None:
    summary = _import(
        workspace, f"face_id,emotion,valence,arousal,intensity,subject_id\n{A},Joyful,0.5,-0.25,0.75,x1\n"
    )
    assert summary == ImportSummary(
        rows=1,
        key="face_id",
        faces=1,
        labelled={"emotion": 1, "valence": 1, "arousal": 1, "intensity": 1, "subject_id": 1},
        changed=1,
        priors_dropped=0,
        rows_of_copies=0,
        beyond=0,
        ignored=(),
    )
    row = faces_of(workspace)[A]
    expected: Row = {
        "emotion": "happiness",
        "emotion_origin": "import:labels.csv",
        "valence": 0.5,
        "arousal": -0.25,
        "va_origin": "import:labels.csv",
        "va_raters": None,
        "intensity": 0.75,
        "subject_id": "x1",
        "subject_origin": "dataset",
    }
    assert {name: row[name] for name in expected} == expected
    assert faces_of(workspace)[B]["emotion"] is None
    assert validate(workspace).ok


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        pytest.param(f"face_id\temotion\n{A.upper()}\tanger\n", {A}, id="face"),
        pytest.param("source;frame_index;emotion\nx/clip.mp4;0;anger\n", {A, B}, id="frame"),
        pytest.param("\ufeffsource,frame,emotion\nx/clip.mp4,5,anger\n", {C}, id="frame, short name, with a mark"),
        pytest.param("source,emotion\nx/clip.mp4,anger\n", {A, B, C}, id="source by path"),
        pytest.param("file,emotion\n./y/clip.mp4,anger\n", {D}, id="source by path with a dot"),
        pytest.param(f"source_id,emotion\n{identify('y/clip.mp4')},anger\n", {D}, id="source by identifier"),
        pytest.param("file,emotion\nnone.mp4,anger\n", set(), id="source by name, without a face"),
        pytest.param("source,frame_index,emotion\nx/clip.mp4,7,anger\n", set(), id="frame without a face"),
    ],
)
def test_each_kind_of_key_reaches_its_faces(workspace: Workspace, text: str, reached: set[str]) -> None:
    summary = _import(workspace, text)
    assert {key for key, (emotion,) in _cells(workspace, "emotion").items() if emotion == "anger"} == reached
    assert summary.faces == summary.labelled["emotion"] == len(reached)


def test_a_source_may_be_given_with_its_absolute_path(workspace: Workspace) -> None:
    assert _import(workspace, f"source,emotion\n{workspace.root / 'y' / 'clip.mp4'},anger\n").faces == 1


def test_a_kind_of_key_may_be_chosen(workspace: Workspace) -> None:
    text = f"face_id,source,emotion\n{A},y/clip.mp4,anger\n"
    assert _import(workspace, text, key="source").key == "source"
    assert _cells(workspace, "emotion")[D] == ("anger",)
    with pytest.raises(InputError, match=r"labels.csv:1: no column identifies .* give source and frame_index"):
        _import(workspace, text, key="frame")


def test_an_empty_cell_leaves_what_is_there(workspace: Workspace) -> None:
    _import(workspace, f"face_id,emotion,intensity\n{D},,0.5\n{A},anger,\n")
    cells = _cells(workspace, "emotion", "emotion_origin", "intensity")
    assert cells[D] == ("fear", "folder", 0.5)
    assert cells[A] == ("anger", "import:labels.csv", None)


def test_other_columns_are_named_and_left_alone(workspace: Workspace) -> None:
    assert _import(workspace, f"face_id,emotion,age\n{A},anger,33\n").ignored == ("age",)


def test_the_same_file_again_does_nothing(workspace: Workspace) -> None:
    text = f"face_id,emotion,valence,arousal\n{A},anger,0.1,0.2\n{B},,0.3,-0.7\n"
    assert _import(workspace, text).changed == 2
    before = workspace.manifest.read_bytes(), workspace.manifest.stat().st_mtime_ns
    again = _import(workspace, text)
    assert (again.changed, again.labelled) == (0, {"emotion": 1, "valence": 2, "arousal": 2})
    assert (workspace.manifest.read_bytes(), workspace.manifest.stat().st_mtime_ns) == before


def test_lines_that_say_the_same_twice_are_fine_and_may_add_to_each_other(workspace: Workspace) -> None:
    _import(workspace, f"face_id,emotion,intensity\n{A},anger,\n{A},Angry,0.5\n")
    assert _cells(workspace, "emotion", "intensity")[A] == ("anger", 0.5)


def test_ratings_replace_a_prior_and_another_emotion_drops_it(workspace: Workspace) -> None:
    _import(workspace, f"face_id,emotion\n{A},anger\n{B},anger\n{C},anger\n")
    fill_prior(workspace)
    summary = _import(workspace, f"face_id,emotion,valence,arousal\n{A},sad,,\n{B},sad,-0.5,-0.5\n{C},angry,,\n")
    assert summary.priors_dropped == 1
    cells = _cells(workspace, "emotion", "valence", "va_origin")
    assert cells[A] == ("sadness", None, None)
    assert cells[B] == ("sadness", -0.5, "import:labels.csv")
    assert cells[C] == ("anger", float(np.float32(-0.57)), "prior")
    assert validate(workspace).ok


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"face_id,valence,arousal\n{A},1.4,0\n",
            r"labels.csv:2: valence 1.4 is outside \[-1, 1\]; nothing was applied",
        ),
        (f"face_id,valence,arousal\n{A},nan,0\n", "labels.csv:2: arousal without valence"),
        (f"face_id,valence,arousal\n{A},0.1,inf\n", "labels.csv:2: arousal inf is outside"),
        (f"face_id;valence;arousal\n{A};0,5;0\n", "labels.csv:2: valence '0,5' is not a number"),
        (f"face_id,valence,arousal\n{A},0.1,\n", "labels.csv:2: valence without arousal"),
        (f"face_id,arousal\n{A},0.1\n", "labels.csv:2: arousal without valence"),
        (f"face_id,intensity\n{A},-0.1\n", r"labels.csv:2: intensity -0.1 is outside \[0, 1\]"),
        (f"face_id,emotion\n{A},happi\n", "labels.csv:2: 'happi' is not in the lexicon .* did you mean 'happ"),
        (f"face_id,emotion\n{A},xyzzy\n", "labels.csv:2: 'xyzzy' is not in the lexicon .* labels are anger, disgust"),
        (f"face_id,emotion\n{A},anger\n{'0' * 32},anger\n", f"labels.csv:3: there is no face '{'0' * 32}'"),
        ("face_id,emotion\n,anger\n", "labels.csv:2: the face_id is empty"),
        ("source,emotion\n,anger\n", "labels.csv:2: the source is empty"),
        ("source,emotion\nclip7.mp4,anger\n", "labels.csv:2: there is no source 'clip7.mp4'"),
        ("source,emotion\nip.mp4,anger\n", "labels.csv:2: there is no source 'ip.mp4'"),
        ("source,emotion\nclip.mp4,anger\n", "labels.csv:2: 'clip.mp4' matches 2 sources.*give more of the path"),
        ("source,frame_index,emotion\nx/clip.mp4,100,anger\n", "labels.csv:2: x/clip.mp4 has no frame 100"),
        ("source,frame_index,emotion\nx/clip.mp4,-1,anger\n", "labels.csv:2: frame_index '-1' is not a whole number"),
        ("source,frame_index,emotion\nx/clip.mp4,1.5,anger\n", "labels.csv:2: frame_index '1.5' is not"),
        ("source,frame_index,emotion\nx/clip.mp4,99999999999999999999,anger\n", "has no frame 99999999999999999999"),
        (f"face_id,emotion\n{A},anger\n\n{A},fear\n", "labels.csv:4: emotion 'fear' contradicts 'anger' in .*:2"),
        ("source,emotion\nx/clip.mp4,anger\n./x/clip.mp4,fear\n", "labels.csv:2 for the same source"),
        (
            f"face_id,emotion,valence,arousal\n{A},anger,2,0\n{B},oops,0,0\n{C},fear,3,0\n",
            "labels.csv:2: .*2 more lines are",
        ),
        (f"face_id,emotion\n{A},oops\n{B},oops\n", "labels.csv:2: .*1 more line is wrong too"),
        ("emotion\nanger\n", "labels.csv:1: no column identifies the faces"),
        ("file,image,emotion\nx/clip.mp4,y/clip.mp4,sad\n", "labels.csv:1: the columns file and image are all source"),
        ("frame_index,emotion\n1,anger\n", "labels.csv:1: no column identifies the faces"),
        (f"face_id,mood\n{A},anger\n", "labels.csv:1: no column has labels"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_nothing_is_applied(workspace: Workspace, text: str, message: str) -> None:
    before = workspace.manifest.read_bytes()
    with pytest.raises(InputError, match=message):
        _import(workspace, text)
    assert workspace.manifest.read_bytes() == before


NUMBERS = st.none() | st.floats(-1, 1, width=32)


@settings(max_examples=40, deadline=None)
@given(
    cells=st.lists(
        st.tuples(st.integers(0, 7), st.none() | st.sampled_from(EMOTIONS), st.none() | st.tuples(NUMBERS, NUMBERS)),
        max_size=8,
        unique_by=lambda cell: cell[0],
    )
)
def test_any_table_does_what_a_loop_over_it_does(tmp_path_factory: pytest.TempPathFactory, cells: list[Any]) -> None:
    workspace = build(tmp_path_factory.mktemp("w"), [face(f"{n}", frame=n, emotion=None) for n in range(8)])
    expected = faces_of(workspace)
    path = workspace.root / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["face_id", "emotion", "valence", "arousal"])
        for number, emotion, point in cells:
            valence, arousal = point if point and None not in point else (None, None)
            writer.writerow([identify(f"{number}"), emotion, valence, arousal])
            row = expected[identify(f"{number}")]
            if emotion is not None:
                row.update(emotion=emotion, emotion_origin="import:t.csv")
            if valence is not None:
                row.update(valence=valence, arousal=arousal, va_origin="import:t.csv")
    import_labels(workspace, path)
    assert faces_of(workspace) == expected


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "null", "NA", "N/A", "<NA>"])
def test_words_for_nothing_are_no_people_and_no_raters(workspace: Workspace, word: str) -> None:
    summary = _import(workspace, f"face_id,subject_id,rater\n{A},{word},{word}\n{C},3.0,{word}\n")
    cells = _cells(workspace, "subject_id", "subject_origin")
    assert cells[A] == ("anna", "folder")
    assert cells[C] == ("3", "dataset")
    assert summary.labelled == {"subject_id": 1}
    assert not workspace.ratings_log.exists()


def test_people_of_names_that_look_alike_are_reported(workspace: Workspace) -> None:
    """They may be one person, whom a split would put on both sides."""
    assert _import(workspace, f"face_id,subject_id\n{A},Ben\n{C},dora\n").lookalikes == ("Ben / ben",)
    assert _import(workspace, f"face_id,emotion\n{A},sad\n").lookalikes == ()


RATED = "source,frame_index,valence,arousal,rater,intensity\nx/clip.mp4,5,0.25,0.5,R1,1\nx/clip.mp4,5,0.75,0.5,r1,1\n"


@pytest.mark.parametrize("words", [("annotate",), ("annotate", "import", "csv")])
def test_both_commands_put_what_a_rater_says_into_the_log(
    workspace: Workspace, fertools: Run, words: tuple[str, ...]
) -> None:
    path = workspace.root / "r.csv"
    path.write_text(RATED)
    before = workspace.manifest.read_bytes()
    ended = fertools(*words, path, "-w", workspace.root, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {
        "rows": 2,
        "raters": ["R1", "r1"],
        "faces": 1,
        "traced": 0,
        "events": 2,
        "beyond": 0,
        "ignored": ["intensity"],
        "lookalikes": ["R1 / r1"],
    }
    assert workspace.manifest.read_bytes() == before
    with RatingLog(workspace.ratings_log) as log:
        said = [(row["rater"], row["face_id"], row["valence"]) for row in current_annotations(log).to_pylist()]
    assert said == [("R1", C, 0.25), ("r1", C, 0.75)]


def test_both_commands_read_parquet(workspace: Workspace, fertools: Run) -> None:
    """Frames with a gap are floats there, and gaps of other numbers are NaN."""
    table = pd.DataFrame(
        {"source": ["x/clip.mp4"] * 2, "frame_index": [5.0, 0.0], "valence": [0.5, np.nan], "arousal": [0.25, np.nan]}
    )
    table.to_parquet(workspace.root / "t.parquet")
    ended = fertools("annotate", workspace.root / "t.parquet", "-w", workspace.root)
    assert ended.code == 0, ended.err
    cells = _cells(workspace, "valence", "arousal")
    assert (cells[A], cells[C]) == ((None, None), (0.5, 0.25))
