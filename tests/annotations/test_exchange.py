from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.annotations.agreement import measure_agreement
from fertools.annotations.current import current_annotations
from fertools.annotations.exchange import export_annotations, import_annotations
from fertools.annotations.formats.registry import FORMATS
from fertools.annotations.imported_ratings import RatingsSummary
from fertools.annotations.label_import import ImportSummary
from fertools.annotations.log import RatingLog
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests.validation import validate
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools
from tests.manifests.rows import Row, build, face, faces_of, identify, source

CLASSES = (*EMOTIONS[::-1], "contempt")
LABELS = ("emotion", "valence", "arousal", "intensity", "subject_id")
# What a format carries of LABELS, besides which nothing may change.
CARRIED = {
    "csv": LABELS,
    "parquet": LABELS,
    "affwild2": LABELS[:3],
    "afew-va": LABELS[1:3],
    "affectnet": LABELS[:3],
    "recola": LABELS[1:3],
    "sewa": LABELS[1:3],
    "elan": LABELS[:3],
    "cvat": LABELS,
    "label-studio": LABELS[:4],
    "muse": LABELS[1:3],
}


def _faces(labelled: bool) -> list[Row]:
    """Return faces of two clips of one name, at an odd rate, with gaps; one face has an emotion alone, one neither."""
    rng = np.random.default_rng(3)
    rows = []
    for clip in ("x/clip.mp4", "y/clip.mp4"):
        for number in range(12):
            frame = number if number < 6 else number + 3
            row = face(f"{clip} {frame}", clip, frame, pts_s=frame * 1001 / 30000)
            if labelled and number not in (4, 5):
                valence, arousal = rng.uniform(-1, 1, 2).astype(np.float32)
                row |= {"valence": float(valence), "arousal": float(arousal), "va_origin": "people"}
            if labelled and number != 5:
                row |= {"emotion": EMOTIONS[number % 7], "emotion_origin": "people", "intensity": 0.25}
            rows.append(row)
    rows[0]["valence"] = -1.0 if labelled else None
    return rows


def _workspace(root: Path, labelled: bool) -> Workspace:
    sources = [source(name, frames_decoded=30, duration_s=29 * 1001 / 30000) for name in ("x/clip.mp4", "y/clip.mp4")]
    return build(root, _faces(labelled), sources, crops=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return _workspace(tmp_path / "w", False)


def _files(out: Path) -> list[Path]:
    return [out] if out.is_file() else sorted(path for path in out.rglob("*") if path.is_file())


def test_every_format_is_round_tripped() -> None:
    assert set(CARRIED) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_carries_comes_back_to_the_last_digit(tmp_path: Path, name: str) -> None:
    full, empty = _workspace(tmp_path / "full", True), _workspace(tmp_path / "empty", False)
    before = faces_of(empty)
    written = export_annotations(full, name, tmp_path / "out", classes=CLASSES).files
    assert sorted(written) == _files(tmp_path / "out")
    summary = import_annotations(empty, name, written, classes=CLASSES)
    assert isinstance(summary, ImportSummary)
    after = faces_of(empty)
    for face_id, row in faces_of(full).items():
        for label in LABELS:
            expected = row[label] if label in CARRIED[name] else before[face_id][label]
            assert after[face_id][label] == expected, (label, row["source_id"], row["frame_index"])
    assert validate(empty).ok
    again = import_annotations(empty, name, written, classes=CLASSES)
    assert isinstance(again, ImportSummary)
    assert again.changed == 0
    # Written again from what was read, the files are the same.
    if name not in ("csv", "parquet", "cvat", "label-studio"):
        for path in written:
            path.rename(path.with_name(path.name + ".first"))
        carried = set(CARRIED[name])
        for path in export_annotations(empty, name, tmp_path / "out", classes=CLASSES).files:
            if carried >= {"emotion", "valence"} or "EXPR" not in path.parts:
                assert path.read_bytes() == path.with_name(path.name + ".first").read_bytes()


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.folder])
def test_a_format_by_frame_refuses_two_faces_that_differ(tmp_path: Path, name: str) -> None:
    rows = [
        face(letter, frame=3, valence=value, arousal=0.0, va_origin="people")
        for letter, value in (("a", 0.1), ("b", 0.2))
    ]
    workspace = build(tmp_path / "w", rows)
    with pytest.raises(InputError, match=r"frame 3 of .* several faces with different labels"):
        export_annotations(workspace, name, tmp_path / "out")
    assert not _files(tmp_path / "out")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _points(workspace: Workspace, clip: str = "x/clip.mp4") -> dict[int, tuple[Any, ...]]:
    rows = [row for row in faces_of(workspace).values() if row["source_id"] == identify(clip)]
    return {
        row["frame_index"]: (round(row["valence"], 6), round(row["arousal"], 6), row["emotion"])
        for row in rows
        if row["valence"] is not None
    }


def test_affwild2_missing_values_and_classes(workspace: Workspace, tmp_path: Path) -> None:
    points = _write(tmp_path / "VA/x/clip.txt", "valence,arousal\n0.5,-0.25\n-5,-5\n-5.0,0.3\n-1,1\n")
    names = _write(tmp_path / "EXPR/x/clip.txt", "Neutral,Anger,Happiness\n2\n-1\n0\n1\n")
    import_annotations(workspace, "affwild2", [points, names])
    assert _points(workspace) == {0: (0.5, -0.25, "happiness"), 3: (-1, 1, "anger")}
    rows = {
        row["frame_index"]: row for row in faces_of(workspace).values() if row["source_id"] == identify("x/clip.mp4")
    }
    assert rows[1]["emotion"] is None
    assert rows[2]["emotion"] == "neutral"
    assert rows[0]["va_origin"] == "import:clip.txt"


def test_afew_va_is_divided_by_ten(workspace: Workspace, tmp_path: Path) -> None:
    frames = {
        "00000": {"landmarks": [[1.0, 2.0]], "valence": 4.0, "arousal": -10},
        "00002": {"valence": 0, "arousal": 3},
    }
    path = _write(tmp_path / "x/clip.json", json.dumps({"video_id": "1", "frames": frames, "actor": "a"}))
    import_annotations(workspace, "afew-va", [path])
    assert _points(workspace) == {0: (0.4, -1, None), 2: (0, 0.3, None)}


HEAD = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"


def test_affectnet_needs_its_classes_and_knows_what_is_missing(tmp_path: Path) -> None:
    pictures = [f"manual/{number}.jpg" for number in range(3)]
    workspace = build(
        tmp_path / "w",
        [face(name, name, pts_s=None) for name in pictures],
        [source(name, kind="image", frames_decoded=1) for name in pictures],
    )
    text = HEAD + "0.jpg,1,2,3,4,1;2,1,0.8,0.1\nmanual/1.jpg,1,2,3,4,,8,-2,-2\n2.jpg,1,2,3,4,,7,-0.5,0.5\n"
    path = _write(tmp_path / "training.csv", text)
    with pytest.raises(InputError, match="give their order, of the first release `classes` neutral,happiness"):
        import_annotations(workspace, "affectnet", [path])
    import_annotations(workspace, "affectnet", [path], classes=[*EMOTIONS[4:5], *EMOTIONS[3:4], *"abcde", "contempt"])
    rows = faces_of(workspace)
    said = [(rows[identify(name)]["emotion"], rows[identify(name)]["valence"]) for name in pictures]
    assert said == [("happiness", pytest.approx(0.8)), (None, None), ("contempt", -0.5)]


def test_time_goes_to_the_nearest_face_within_half_a_step(workspace: Workspace, tmp_path: Path) -> None:
    # Faces are 33.4 ms apart; values are mostly 200 ms apart, so one reaches 100 ms far.
    for axis in ("valence", "arousal"):
        _write(tmp_path / axis / "x/clip.csv", "Time,value\n0,0.1\n100,0.2\n300,0.4\n400,\n5000,0.9\n")
    import_annotations(workspace, "muse", [tmp_path / axis / "x/clip.csv" for axis in ("valence", "arousal")])
    expected = {0: 0.1, 1: 0.1, 2: 0.2, 3: 0.2, 4: 0.2, 5: 0.2, 9: 0.4, 10: 0.4, 11: 0.4}
    assert _points(workspace) == {frame: (value, value, None) for frame, value in expected.items()}


def test_elan_spans_hold_until_their_end_and_the_file_names_its_video(workspace: Workspace, tmp_path: Path) -> None:
    def tier(name: str, value: str, number: int) -> str:
        return (
            f'<TIER TIER_ID="{name}"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="t1" '
            f'TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>'
        )

    text = (
        '<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/there/y/clip.mp4" '
        'RELATIVE_MEDIA_URL="./y/clip.mp4"/></HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="30"/>'
        '<TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="100"/></TIME_ORDER>'
        + tier("Valence-r1", "0.5", 1)
        + tier("arousal", "-0.5", 2)
        + tier("Emotion", "joyful", 3)
        + tier("speech", "hello", 4)
        + "</ANNOTATION_DOCUMENT>"
    )
    import_annotations(workspace, "elan", [_write(tmp_path / "any.eaf", text)])
    assert _points(workspace, "y/clip.mp4") == {1: (0.5, -0.5, "happiness"), 2: (0.5, -0.5, "happiness")}


def test_cvat_tracks_by_frame(workspace: Workspace, tmp_path: Path) -> None:
    def box(frame: int, outside: int, emotion: str) -> str:
        return (
            f'<box frame="{frame}" outside="{outside}" xtl="1" ytl="1" xbr="9" ybr="9">'
            f'<attribute name="emotion">{emotion}</attribute><attribute name="occluded by">hair</attribute></box>'
        )

    text = (
        "<annotations><meta><task><name>t</name></task><source>x/clip.mp4</source></meta>"
        f'<track id="0" label="face">{box(0, 0, "fear")}{box(1, 0, "anger")}{box(2, 1, "sadness")}</track>'
        "</annotations>"
    )
    import_annotations(workspace, "cvat", [_write(tmp_path / "any.xml", text)])
    rows = {
        row["frame_index"]: row for row in faces_of(workspace).values() if row["source_id"] == identify("x/clip.mp4")
    }
    assert [rows[frame]["emotion"] for frame in range(3)] == ["fear", "anger", None]


def test_label_studio_annotations_by_people_are_ratings(workspace: Workspace, tmp_path: Path) -> None:
    crop = faces_of(workspace)[identify("x/clip.mp4 0")]["path"]

    def annotation(by: int, number: float, **more: Any) -> dict[str, Any]:
        results = [
            {"from_name": name, "type": "number", "value": {"number": number}} for name in ("valence", "arousal")
        ]
        choice = {"from_name": "emotion", "type": "choices", "value": {"choices": ["Happy"]}}
        return {"completed_by": by, "result": [*results, choice], **more}

    spans = {"ranges": [{"start": 1, "end": 2}], "timelinelabels": ["fear"]}
    video = {"completed_by": 1, "result": [{"from_name": "emotion", "type": "timelinelabels", "value": spans}]}
    tasks = [
        {
            "data": {"image": f"/data/local-files/?d=w/{crop}"},
            "annotations": [annotation(1, 0.25), annotation(2, 0.75), annotation(3, 0.9, was_cancelled=True)],
        },
    ]
    summary = import_annotations(workspace, "label-studio", [_write(tmp_path / "p.json", json.dumps(tasks))])
    assert isinstance(summary, RatingsSummary)
    assert (summary.raters, summary.faces, summary.events) == (("user1", "user2"), 1, 4)
    with RatingLog(workspace.ratings_log) as log:
        said = [(row["rater"], row["valence"], row["emotion"]) for row in current_annotations(log).to_pylist()]
    assert said == [("user1", 0.25, "happiness"), ("user2", 0.75, "happiness")]
    tasks = [{"data": {"video": "x/clip.mp4"}, "annotations": [video]}]
    summary = import_annotations(workspace, "label-studio", [_write(tmp_path / "v.json", json.dumps(tasks))])
    assert isinstance(summary, RatingsSummary)
    assert summary.faces == 2


def test_columns_of_raters_become_traces_that_count_once(workspace: Workspace, tmp_path: Path) -> None:
    lines = [f"{time / 10:.2f};{time / 100:.3f};{-time / 100:.3f}" for time in range(9)]
    path = _write(tmp_path / "arousal" / "x" / "clip.csv", "\n".join(["time;FM1 ;FF2", *lines, "7.5;0.1;0.1"]) + "\n")
    summary = import_annotations(workspace, "recola", [path])
    assert isinstance(summary, RatingsSummary)
    assert (summary.raters, summary.traced, summary.beyond, summary.events) == (("ff2", "fm1"), 1, 2, 4)
    again = import_annotations(workspace, "recola", [path])
    assert isinstance(again, RatingsSummary)
    assert again.events == 0
    with RatingLog(workspace.ratings_log) as log:
        rows = current_annotations(log, workspace).to_pylist()
    assert {row["kind"] for row in rows} == {"trace"}
    first = [row for row in rows if row["rater"] == "fm1"]
    assert [row["frame_index"] for row in first] == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    assert [row["arousal"] for row in first] == pytest.approx([time / 100 for time in range(9)])
    found = {(one.about, one.who, one.measure): one.value for one in measure_agreement(workspace).estimates}
    assert found["traces", "ff2 & fm1", "pcc"] == pytest.approx(-1)


def test_a_table_with_raters_becomes_clicks(workspace: Workspace, tmp_path: Path) -> None:
    name = identify("x/clip.mp4 0")
    path = _write(
        tmp_path / "r.csv", f"rater,face_id,valence,arousal,emotion\nann,{name},0.1,0.2,sad\nben,{name},0.3,0.4,\n"
    )
    summary = import_annotations(workspace, "csv", [path])
    assert isinstance(summary, RatingsSummary)
    with RatingLog(workspace.ratings_log) as log:
        said = [(row["rater"], row["valence"], row["emotion"]) for row in current_annotations(log).to_pylist()]
    assert said == [("ann", 0.1, "sadness"), ("ben", 0.3, None)]


XML = "<annotations>\n<image name='x/clip.mp4'>\n<tag label='face'>{}</tag>\n</image>\n</annotations>"
NAME = identify("x/clip.mp4 0")


@pytest.mark.parametrize(
    ("form", "name", "text", "words"),
    [
        ("affwild2", "x/clip.txt", "valence,arousal\n0.1,0.2\n0.1\n", "clip.txt:3: 1 values, not valence and arousal"),
        ("affwild2", "x/clip.txt", "valence,arousal\n0.1,x\n", "clip.txt:2: arousal 'x' is not a number"),
        ("affwild2", "x/clip.txt", "valence,arousal\n0.1,1.2\n", r"clip.txt:2: arousal 1.2 is outside \[-1, 1\]"),
        ("affwild2", "x/clip.txt", "Neutral,Anger\n2\n", "clip.txt:2: class 2 is not among the 2"),
        ("affwild2", "x/clip.txt", "hello\n2\n", "clip.txt:1: the header is neither"),
        (
            "affwild2",
            "other.txt",
            "valence,arousal\n0,0\n",
            "other.txt: no source is named like this file; .* `source`",
        ),
        ("affwild2", "clip.txt", "valence,arousal\n0,0\n", "clip.txt: no source is named like this file"),
        ("afew-va", "x/clip.json", '{"frames": {\n"0": {"valence": 1,\n', "clip.json:3: this is not JSON"),
        ("afew-va", "x/clip.json", "[]", 'clip.json:1: there is no object "frames"'),
        (
            "afew-va",
            "x/clip.json",
            '{"frames": {\n"00000": {"valence": 11, "arousal": 0}}}',
            "clip.json:2: valence of frame",
        ),
        (
            "afew-va",
            "x/clip.json",
            '{"frames": {\n"00099": {"valence": 1, "arousal": 0}}}',
            "clip.json:2: .* has no frame 99",
        ),
        ("affectnet", "a.csv", HEAD + "x/clip.mp4,,,,,,12,0,0\n", "a.csv:2: expression 12 is beyond the 8 classes"),
        ("affectnet", "a.csv", "a,b\n1,2\n", "a.csv:1: there is no column subdirectory_filepath"),
        ("recola", "x/clip.csv", "time;gold\n0;0.1\n", "nothing says whether .* holds valence or arousal; say `axis`"),
        ("recola", "arousal/x/clip.csv", "time;gold\n0;0.1\n", "clip.csv:2: arousal without valence"),
        ("recola", "arousal/x/clip.csv", "time;FM1\n0;0.1\n0.04;1.5\n", r"clip.csv:3: arousal 1.5 is outside"),
        ("recola", "arousal/x/clip.csv", "time;F M1\n0;0.1\n", "clip.csv:2: 'f m1' cannot name a rater"),
        ("sewa", "x/clip.csv", "'a';0;0.1;0.1\n'a';0.1;0.1\n", "clip.csv:2: 3 cells, not name;time;arousal;valence"),
        ("muse", "valence/x/clip.csv", "timestamp,value\nx,0.1\n", "clip.csv:2: timestamp 'x' is not a number"),
        ("muse", "valence/x/clip.csv", "start,end\n1,2\n", "clip.csv:1: the header is not timestamp and values"),
        ("elan", "x/clip.eaf", "<ANNOTATION_DOCUMENT>\n<TIER>\n", "clip.eaf:3: this is not XML"),
        ("elan", "x/clip.eaf", "<annotation/>", "clip.eaf:1: the root is <annotation>"),
        ("elan", "x/clip.eaf", "<ANNOTATION_DOCUMENT/>", "clip.eaf:1: no tier is named"),
        (
            "elan",
            "x/clip.eaf",
            '<!DOCTYPE a [\n<!ENTITY b "c">]>\n<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>',
            "clip.eaf:2: it defines the entity 'b'",
        ),
        (
            "cvat",
            "a.xml",
            XML.format("<attribute name='mood'>x</attribute>"),
            "a.xml:1: no tag or shape has an attribute",
        ),
        (
            "cvat",
            "a.xml",
            XML.format("<attribute name='emotion'>xyzzy</attribute>"),
            "a.xml:3: 'xyzzy' is not in the lexicon",
        ),
        ("label-studio", "a.json", '{"a": 1}', "a.json:1: it is not a list of tasks"),
        ("label-studio", "a.json", '[\n{"data": {"text": "x"}}]', "a.json:2: the task's data names no image"),
        (
            "label-studio",
            "a.json",
            '[\n{"data": {"image": "x/clip.mp4"}, "annotations": [{"result": 1}]}]',
            "a.json:2: an annotation has no list",
        ),
        (
            "csv",
            "a.csv",
            f"face_id,rater,emotion\n{NAME},ann,sad\n{NAME},,sad\n",
            "some rows have a rater and others have none",
        ),
        (
            "csv",
            "a.csv",
            f"face_id,rater,emotion\n{NAME},ann,sad\n{NAME},ann,fear\n",
            "a.csv:3: ann rated the same face differently",
        ),
        ("csv", "a.csv", f"face_id,rater,valence\n{NAME},ann,0.1\n", "a.csv:2: valence without the other axis"),
        ("csv", "a.csv", "source,pts_s,emotion\nx/clip.mp4,-1,sad\n", "a.csv:2: pts_s '-1' is not a number of seconds"),
        ("parquet", "a.parquet", "nonsense", "cannot be read as Parquet"),
        ("vhs", "a.vhs", "", "there is no format 'vhs'; formats are csv, parquet"),
    ],
)
def test_what_is_malformed_is_named_by_file_and_line_and_nothing_is_applied(
    workspace: Workspace, tmp_path: Path, form: str, name: str, text: str, words: str
) -> None:
    before = workspace.manifest.read_bytes()
    with pytest.raises(InputError, match=words):
        import_annotations(workspace, form, [_write(tmp_path / "in" / name, text)], classes=CLASSES)
    assert workspace.manifest.read_bytes() == before
    assert not workspace.ratings_log.exists()


def test_one_bad_file_of_several_stops_all_of_them(workspace: Workspace, tmp_path: Path) -> None:
    good = _write(tmp_path / "x/clip.txt", "valence,arousal\n0.1,0.2\n")
    bad = _write(tmp_path / "y/clip.txt", "valence,arousal\n0.1,2\n")
    with pytest.raises(InputError, match=r"clip.txt:2: arousal 2 is outside \[-1, 1\]; nothing was applied"):
        import_annotations(workspace, "affwild2", [good, bad])
    assert not _points(workspace)
    with pytest.raises(InputError, match="cannot read"):
        import_annotations(workspace, "affwild2", [good, tmp_path / "gone/x/clip.txt"])


def test_the_commands(tmp_path: Path, fertools: Run) -> None:
    workspace = _workspace(tmp_path / "w", True)
    ended = fertools("annotate", "export", "affectnet", "-o", tmp_path / "a.csv", "-w", workspace.root)
    assert ended.code == 2
    assert "--classes" in ended.err
    classes = ",".join(CLASSES)
    ended = fertools(
        "annotate", "export", "affectnet", "-o", tmp_path / "a.csv", "-w", workspace.root, "--classes", classes
    )
    assert ended.code == 0, ended.err
    ended = fertools(
        "annotate", "import", "affectnet", tmp_path / "a.csv", "-w", workspace.root, "--classes", classes, "--json"
    )
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["labelled"]["emotion"] == 22
    ended = fertools("annotate", "export", "muse", "-o", tmp_path / "a.csv", "-w", workspace.root)
    assert "give a folder" in ended.err
    ended = fertools("annotate", "export", "csv", "-o", tmp_path, "-w", workspace.root)
    assert "give a file" in ended.err
    shutil.rmtree(workspace.root)
    assert fertools("annotate", "import", "csv", tmp_path / "a.csv", "-w", workspace.root).code == 2


def test_there_has_to_be_something_to_export(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a label"):
        export_annotations(workspace, "csv", tmp_path / "out.csv")
