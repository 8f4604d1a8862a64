"""Every format, with two of whatever it can hold two of: media, moments, axes, raters, faces, values."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fertools.annotations.current import current_annotations
from fertools.annotations.exchange import import_annotations
from fertools.annotations.formats.registry import FORMATS
from fertools.annotations.imported_ratings import RatingsSummary
from fertools.annotations.log import RatingLog
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from tests.manifests.rows import build, face, faces_of, identify, source

ANNA, BEN = "p01/anna.mp4", "p02/ben.mp4"
PLACES = ((ANNA, 0), (ANNA, 5), (BEN, 0), (BEN, 5))
POINTS = {place: (round(0.1 + 0.2 * number, 1), round(-0.2 * number, 1)) for number, place in enumerate(PLACES)}
CODES = ("anger", "fear", "sadness", "happiness")
EMOTIONS = dict(zip(PLACES, CODES, strict=True))
STEP_S = 0.2
Made = dict[str, str]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two videos at 25 frames a second, each with one face in its frames 0 and 5."""
    faces = [face(f"{video} {frame}", video, frame) for video, frame in PLACES]
    sources = [source(name, frames_decoded=10, duration_s=9 / 25) for name in (ANNA, BEN)]
    return build(tmp_path / "w", faces, sources)


def _import(workspace: Workspace, name: str, files: Made, **options: Any) -> Any:
    folder = workspace.root / "in"
    paths = []
    for place, text in files.items():
        paths.append(folder / place)
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        paths[-1].write_text(text, encoding="utf-8")
    return import_annotations(workspace, name, paths, **options)


def _points(workspace: Workspace) -> dict[tuple[str, int], tuple[float, float]]:
    rows = [row for row in faces_of(workspace).values() if row["valence"] is not None]
    return {
        (video, row["frame_index"]): (round(row["valence"], 3), round(row["arousal"], 3))
        for row in rows
        for video in (ANNA, BEN)
        if identify(video) == row["source_id"]
    }


def _emotions(workspace: Workspace) -> dict[tuple[str, int], str]:
    videos = {identify(video): video for video in (ANNA, BEN)}
    rows = [row for row in faces_of(workspace).values() if row["emotion"] is not None]
    return {(videos[row["source_id"]], row["frame_index"]): row["emotion"] for row in rows}


def _ratings(workspace: Workspace) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    videos = {identify(video): video for video in (ANNA, BEN)}
    with RatingLog(workspace.ratings_log) as log:
        rows = current_annotations(log, workspace).to_pylist()
    return {
        (row["rater"], videos[row["source_id"]], row["frame_index"]): (row["valence"], row["arousal"], row["emotion"])
        for row in rows
    }


def _lines(*lines: str) -> str:
    return "\n".join([*lines, ""])


def _of(video: str) -> list[tuple[int, tuple[float, float], str]]:
    return [(frame, POINTS[video, frame], EMOTIONS[video, frame]) for frame in (0, 5)]


def _stem(video: str) -> str:
    return Path(video).stem


def _csv() -> Made:
    rows = [f"{video},{frame},{v},{a},{EMOTIONS[video, frame]}" for (video, frame), (v, a) in POINTS.items()]
    return {"t.csv": _lines("source,frame_index,valence,arousal,emotion", *rows)}


def _affwild2() -> Made:
    files = {}
    for video in (ANNA, BEN):
        points, codes = ["-5,-5"] * 10, ["-1"] * 10
        for frame, (valence, arousal), emotion in _of(video):
            points[frame], codes[frame] = f"{valence},{arousal}", str(CODES.index(emotion))
        files[f"VA/{_stem(video)}.txt"] = _lines("valence,arousal", *points)
        files[f"EXPR/{_stem(video)}.txt"] = _lines(",".join(CODES), *codes)
    return files


def _afew_va() -> Made:
    return {
        f"{_stem(video)}.json": json.dumps(
            {
                "video_id": _stem(video),
                "frames": {f"{frame:05d}": {"valence": v * 10, "arousal": a * 10} for frame, (v, a), _ in _of(video)},
            }
        )
        for video in (ANNA, BEN)
    }


def _by_axis(head: str, time: Callable[[int], float], mark: str) -> Made:
    return {
        f"{axis}/{_stem(video)}.csv": _lines(
            head, *(f"{time(frame):g}{mark}{point[number]}" for frame, point, _ in _of(video))
        )
        for number, axis in enumerate(("valence", "arousal"))
        for video in (ANNA, BEN)
    }


def _recola() -> Made:
    return _by_axis("time;gold_standard", lambda frame: frame / 25, ";")


def _muse() -> Made:
    return _by_axis("timestamp,value", lambda frame: frame * 40, ",")


def _sewa() -> Made:
    """Both videos in one file, which is named like neither."""
    rows = [f"'{_stem(video)}';{frame / 25:g};{a};{v}" for video in (ANNA, BEN) for frame, (v, a), _ in _of(video)]
    return {"all.csv": _lines(*rows)}


def _tier(name: str, spans: list[tuple[int, int, object]], number: int, more: str = "") -> str:
    annotations = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}{place}" TIME_SLOT_REF1="ts{begin}" '
        f'TIME_SLOT_REF2="ts{end}"><ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>\n'
        for place, (begin, end, value) in enumerate(spans)
    )
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="t" {more}>\n{annotations}</TIER>\n'


def _eaf(
    media: str, *tiers: str, head: str = 'TIME_UNITS="milliseconds"', slots: tuple[int, ...] = (0, 40, 200, 240)
) -> str:
    order = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{slot}" TIME_VALUE="{slot}"/>' for slot in slots)
    return (
        f"<ANNOTATION_DOCUMENT>\n<HEADER {head}>{media}</HEADER>\n<TIME_ORDER>{order}</TIME_ORDER>\n{''.join(tiers)}"
        "</ANNOTATION_DOCUMENT>"
    )


def _media(*urls: str, more: str = "") -> str:
    return "".join(f'<MEDIA_DESCRIPTOR MEDIA_URL="{url}" {more}/>' for url in urls)


def _spans(video: str, column: str) -> list[tuple[int, int, object]]:
    values = {"valence": lambda p, e: p[0], "arousal": lambda p, e: p[1], "emotion": lambda p, e: e}
    return [(frame * 40, frame * 40 + 40, values[column](point, emotion)) for frame, point, emotion in _of(video)]


def _elan() -> Made:
    return {
        f"{number}.eaf": _eaf(
            _media(f"file:///C:/videos/{Path(video).name}"),
            *(_tier(name, _spans(video, name), place) for place, name in enumerate(("valence", "arousal", "emotion"))),
        )
        for number, video in enumerate((ANNA, BEN))
    }


def _attributes(point: tuple[float, float], emotion: str) -> str:
    said = {"valence": point[0], "arousal": point[1], "emotion": emotion, "intensity": "__undefined__"}
    return "".join(f'<attribute name="{name}">{value}</attribute>' for name, value in said.items())


def _project(*videos: str) -> str:
    tasks = "".join(f"<task><id>{n}</id><source>{Path(video).name}</source></task>" for n, video in enumerate(videos))
    return f"<meta><project><id>9</id><tasks>{tasks}</tasks></project></meta>"


def _track(video: str, task: int | None, corners: str = 'xtl="10" ytl="10" xbr="60" ybr="70"') -> str:
    boxes = "".join(
        f'<box frame="{frame}" outside="0" {corners}>{_attributes(p, e)}</box>\n' for frame, p, e in _of(video)
    )
    of = "" if task is None else f'task_id="{task}"'
    return f'<track id="0" label="face" {of}>\n{boxes}</track>\n'


def _cvat() -> Made:
    tracks = "".join(_track(video, number) for number, video in enumerate((ANNA, BEN)))
    return {"a.xml": f"<annotations>\n{_project(ANNA, BEN)}\n{tracks}</annotations>"}


def _number(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"from_name": name, "type": "number", "value": {"number": value, **more}}


def _choice(emotion: str, kind: str = "choices", **more: Any) -> dict[str, Any]:
    return {"from_name": "emotion", "type": kind, "value": {kind: [emotion], **more}}


def _results(video: str, shift: float = 0) -> list[dict[str, Any]]:
    found = []
    for frame, (valence, arousal), emotion in _of(video):
        ranges = {"ranges": [{"start": frame + 1, "end": frame + 1}]}
        found.append(_number("valence", valence + shift, **ranges))
        found += [_number("arousal", arousal, **ranges), _choice(emotion, "timelinelabels", **ranges)]
    return found


def _label_studio() -> Made:
    tasks = [{"data": {"video": video}, "annotations": [{"result": _results(video)}]} for video in (ANNA, BEN)]
    return {"a.json": json.dumps(tasks)}


TEXTS = {
    "csv": _csv,
    "affwild2": _affwild2,
    "afew-va": _afew_va,
    "recola": _recola,
    "sewa": _sewa,
    "elan": _elan,
    "cvat": _cvat,
    "label-studio": _label_studio,
    "muse": _muse,
}


def test_every_format_of_videos_as_text_is_here() -> None:
    """Parquet is read as CSV is; AffectNet has pictures."""
    assert {*TEXTS, "parquet", "affectnet"} == set(FORMATS)


@pytest.mark.parametrize("name", TEXTS)
def test_two_videos_moments_and_axes(workspace: Workspace, name: str) -> None:
    _import(workspace, name, TEXTS[name]())
    assert _points(workspace) == POINTS
    assert _emotions(workspace) == (EMOTIONS if "emotion" in FORMATS[name].carries else {})


@pytest.mark.parametrize("name", ["csv", "recola", "muse", "elan", "label-studio"])
def test_two_raters_of_two_videos(workspace: Workspace, name: str) -> None:
    """What the second says is 0.05 more pleasant."""
    said = {
        (rater, *place): (round(v + shift, 3), a)
        for rater, shift in (("r1", 0), ("r2", 0.05))
        for place, (v, a) in POINTS.items()
    }
    emotions = name in ("csv", "elan", "label-studio")
    files: Made = {}
    if name == "csv":
        rows = [f"{r},{video},{n},{v},{a},{EMOTIONS[video, n]}" for (r, video, n), (v, a) in said.items()]
        files["t.csv"] = _lines("rater,source,frame_index,valence,arousal,emotion", *rows)
    for video in (ANNA, BEN) if name in ("recola", "muse") else ():
        mark = ";" if name == "recola" else ","
        head = mark.join(("time" if name == "recola" else "timestamp", "r1", "r2"))
        for number, axis in enumerate(("valence", "arousal")):
            lines = [
                mark.join([f"{n / 25:g}", *(f"{said[r, video, n][number]}" for r in ("r1", "r2"))]) for n in (0, 5)
            ]
            files[f"{axis}/{_stem(video)}.csv"] = _lines(head, *lines)
    for video in (ANNA, BEN) if name == "elan" else ():
        tiers: list[str] = []
        for r in ("r1", "r2"):
            for number, axis in enumerate(("valence", "arousal")):
                spans: list[tuple[int, int, object]] = [
                    (n * 40, n * 40 + 40, said[r, video, n][number]) for n in (0, 5)
                ]
                tiers.append(_tier(f"{axis}-{r}", spans, len(tiers), f'ANNOTATOR="{r}"'))
            tiers.append(_tier(f"emotion-{r}", _spans(video, "emotion"), len(tiers), f'ANNOTATOR="{r}"'))
        files[f"{_stem(video)}.eaf"] = _eaf(_media(video), *tiers)
    if name == "label-studio":
        tasks = [
            {
                "data": {"video": video},
                "annotations": [
                    {"completed_by": 1, "result": _results(video)},
                    {"completed_by": {"id": 2, "email": "b@example.org"}, "result": _results(video, 0.05)},
                ],
            }
            for video in (ANNA, BEN)
        ]
        files["a.json"] = json.dumps(tasks)
        said = {(r.replace("r", "user"), video, n): point for (r, video, n), point in said.items()}
    before = workspace.manifest.read_bytes()
    summary = _import(workspace, name, files)
    assert isinstance(summary, RatingsSummary)
    assert workspace.manifest.read_bytes() == before
    found = _ratings(workspace)
    expected = {(r, video, n): (*p, EMOTIONS[video, n] if emotions else None) for (r, video, n), p in said.items()}
    assert found.keys() == expected.keys()
    for key, (valence, arousal, emotion) in found.items():
        assert (round(valence, 6), round(arousal, 6), emotion) == expected[key], key


def test_a_span_of_one_rater_holds_until_its_end(workspace: Workspace) -> None:
    """It is no single sample of a trace."""
    text = _lines("rater,source,pts_s,end_s,valence,arousal,emotion", f"r1,{ANNA},0,0.4,0.5,0.25,sad")
    _import(workspace, "csv", {"t.csv": text})
    assert _ratings(workspace) == {("r1", ANNA, frame): (0.5, 0.25, "sadness") for frame in (0, 5)}


def test_one_axis_is_a_rater_s_trace_but_no_label(workspace: Workspace) -> None:
    made = {"valence/anna.csv": _lines("timestamp,value,segment_id", "0,0.1,1", "200,0.2,2")}
    with pytest.raises(InputError, match=r"valence without arousal, but the manifest has both .* `rater`"):
        _import(workspace, "muse", made)
    _import(workspace, "muse", made, rater="gold")
    assert _ratings(workspace) == {("gold", ANNA, 0): (0.1, None, None), ("gold", ANNA, 5): (0.2, None, None)}


def test_a_rater_is_given_once(workspace: Workspace) -> None:
    made = {"t.csv": _lines("rater,source,frame_index,emotion", f"r1,{ANNA},0,sad")}
    with pytest.raises(InputError, match="the file names its raters"):
        _import(workspace, "csv", made, rater="r2")


def _two_faces(root: Path, name: str = ANNA, **columns: Any) -> Workspace:
    faces = [
        face(side, name, 0, track_id=n, box=[x, 10.0, x + 50, 70.0]) | ({"pts_s": None} if columns else {})
        for n, (side, x) in enumerate((("left", 10.0), ("right", 110.0)))
    ]
    return build(root, faces, [source(name, **columns)])


def _said(workspace: Workspace) -> list[str | None]:
    rows = faces_of(workspace)
    return [rows[identify(side)]["emotion"] for side in ("left", "right")]


def _cvat_boxes(second: str) -> Made:
    boxes = "".join(
        f'<track id="{n}"><box frame="0" outside="0" xtl="{x}" ytl="8" xbr="{x + 52}" ybr="72">'
        f'<attribute name="emotion">{emotion}</attribute></box></track>'
        for n, (x, emotion) in enumerate(((112, "fear"), (8, second)))
    )
    return {"a.xml": f"<annotations><meta><task><id>1</id><source>anna.mp4</source></task></meta>{boxes}</annotations>"}


def test_a_box_says_which_of_two_faces_in_a_frame(tmp_path: Path) -> None:
    workspace = _two_faces(tmp_path / "cvat")
    _import(workspace, "cvat", _cvat_boxes("anger"))
    assert _said(workspace) == ["anger", "fear"]
    workspace = _two_faces(tmp_path / "one")
    _import(workspace, "cvat", _cvat_boxes("__undefined__"))
    assert _said(workspace) == [None, "fear"]
    workspace = _two_faces(tmp_path / "affectnet", "a.jpg", kind="image")
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    rows = ["a.jpg,108,10,52,60,,1,0.1,0.1", "a.jpg,12,10,48,60,,0,0.2,0.2"]
    _import(workspace, "affectnet", {"a.csv": _lines(head, *rows)}, classes=CODES)
    assert _said(workspace) == ["anger", "fear"]
    workspace = _two_faces(tmp_path / "label-studio", "a.jpg", kind="image")
    regions = [
        _choice(emotion, x=x, y=5, width=26, height=32, rotation=0) | {"original_width": 200, "original_height": 200}
        for x, emotion in ((54, "fear"), (5, "anger"))
    ]
    tasks = [{"data": {"image": "a.jpg"}, "annotations": [{"completed_by": 1, "result": regions}]}]
    _import(workspace, "label-studio", {"a.json": json.dumps(tasks)})
    with RatingLog(workspace.ratings_log) as log:
        said = {row["face_id"]: row["emotion"] for row in current_annotations(log, workspace).to_pylist()}
    assert said == {identify("left"): "anger", identify("right"): "fear"}


def test_a_box_around_no_face_is_about_a_face_that_was_not_found(tmp_path: Path) -> None:
    """It must not fall to another one in its frame, be that alone or not."""
    far = _cvat_boxes("anger")["a.xml"].replace('xtl="8"', 'xtl="300"').replace('xbr="60"', 'xbr="352"')
    workspace = _two_faces(tmp_path / "two")
    assert _import(workspace, "cvat", {"a.xml": far}).beyond == 1
    assert _said(workspace) == [None, "fear"]
    workspace = build(tmp_path / "one", [face("right", ANNA, 0, box=[110.0, 10.0, 160.0, 70.0])], [source(ANNA)])
    assert _import(workspace, "cvat", {"a.xml": far}).beyond == 1
    assert [row["emotion"] for row in faces_of(workspace).values()] == ["fear"]


def test_boxes_that_overlap_no_face_at_all_are_not_believed(tmp_path: Path) -> None:
    """People who label a video of one person often leave the box where the tool put it."""
    unmoved = _cvat_boxes("fear")["a.xml"].replace('ytl="8"', 'ytl="400"').replace('ybr="72"', 'ybr="450"')
    workspace = build(tmp_path / "one", [face("left", ANNA, 0)], [source(ANNA)])
    _import(workspace, "cvat", {"a.xml": unmoved})
    assert [row["emotion"] for row in faces_of(workspace).values()] == ["fear"]
    with pytest.raises(InputError, match=r"a.xml:1: no box of this file overlaps a face, and the frame has 2"):
        _import(_two_faces(tmp_path / "two"), "cvat", {"a.xml": unmoved})


def test_pictures_of_a_video_s_task_are_its_frames(workspace: Workspace) -> None:
    """So CVAT writes a task of a video as a task of pictures."""
    images = "".join(
        f'<image id="{n}" name="frame_{frame:06d}" task_id="{task}"><tag label="face">{_attributes(p, e)}</tag></image>'
        for task, video in enumerate((ANNA, BEN))
        for n, (frame, p, e) in enumerate(_of(video))
    )
    _import(workspace, "cvat", {"a.xml": f"<annotations>{_project(ANNA, BEN)}{images}</annotations>"})
    assert _points(workspace) == POINTS


def test_elan_times_begin_where_the_video_is_cut(workspace: Workspace) -> None:
    """TIME_ORIGIN is how much of the video lies before the file's time 0."""
    tier = _tier("emotion", [(0, 40, "fear")], 0)
    made = {"a.eaf": _eaf(_media("other.wav") + _media("anna.mp4", more='TIME_ORIGIN="200"'), tier)}
    _import(workspace, "elan", made)
    assert _emotions(workspace) == {(ANNA, 5): "fear"}


def test_elan_dependent_tiers_have_the_times_of_their_parents(workspace: Workspace) -> None:
    def child(name: str, number: int, of: str, value: str, more: str = "") -> str:
        return (
            f'<TIER TIER_ID="{name}" PARENT_REF="words"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="r{number}" {more} '
            f'ANNOTATION_REF="{of}"><ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>'
        )

    words = _tier("words", [(0, 40, "a"), (200, 240, "b")], 0)
    tiers = (
        words,
        child("note", 1, "a00", "x"),
        child("emotion", 2, "r1", "fear"),
        child("emotion-2", 3, "a01", "sad"),
    )
    _import(workspace, "elan", {"a.eaf": _eaf(_media(ANNA), *tiers)})
    assert _emotions(workspace) == {(ANNA, 0): "fear", (ANNA, 5): "sadness"}
    for tier, message in (
        (child("emotion", 4, "a00", "sad", 'PREVIOUS_ANNOTATION="r2"'), "several annotations share one span"),
        (child("emotion", 5, "r5", "sad"), "the annotation has no time"),
        (child("emotion", 6, "gone", "sad"), "the annotation has no time"),
    ):
        with pytest.raises(InputError, match=message):
            _import(workspace, "elan", {"a.eaf": _eaf(_media(ANNA), words, tier)})


SPAN: list[tuple[int, int, object]] = [(0, 40, "fear")]


def _ls(*results: Any, **data: str) -> Made:
    task = {"data": data or {"video": ANNA}, "annotations": [{"result": list(results)}]}
    return {"a.json": json.dumps([task])}


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        (
            "cvat",
            {"a.xml": f"<annotations>{_project(ANNA, BEN)}\n{_track(ANNA, None)}</annotations>"},
            r"a.xml:2: nothing says which video this <track> is of, among anna.mp4, ben.mp4; export one task",
        ),
        (
            "cvat",
            {"a.xml": f"<annotations>{_project(ANNA, BEN)}{_track(ANNA, 7)}</annotations>"},
            "nothing says which video this <track> is of",
        ),
        (
            "cvat",
            {"a.xml": f"<annotations>{_project(ANNA, 'carl.mp4')}{_track(ANNA, 1)}</annotations>"},
            "it is about 'carl.mp4', and there is no such source",
        ),
        (
            "cvat",
            {
                "a.xml": "<annotations>"
                + "".join(
                    f'<image name="{BEN}" task_id="{n}"><tag>{_attributes((0, 0), "fear")}</tag></image>'
                    for n in (1, 2)
                )
                + "</annotations>"
            },
            f"'{BEN}' is in the tasks 1 and 2",
        ),
        (
            "cvat",
            {
                "a.xml": f'<annotations><image name="{BEN}"><tag><attribute name="emotion">fear</attribute>'
                '<attribute name="Emotion">anger</attribute></tag></image></annotations>'
            },
            "emotion is both 'fear' and 'anger'",
        ),
        ("elan", {"a.eaf": _eaf(_media(ANNA, BEN), _tier("emotion", SPAN, 0))}, "names several videos .* `source`"),
        (
            "elan",
            {"ben.eaf": _eaf(_media("anne.mp4"), _tier("emotion", SPAN, 0))},
            "it is about 'anne.mp4', and there is no such source",
        ),
        (
            "elan",
            {"anna.eaf": _eaf(_media(ANNA), _tier("emotion", SPAN, 0), head='TIME_UNITS="PAL-frames"')},
            "times are in PAL-frames",
        ),
        (
            "elan",
            {
                "a.eaf": _eaf(
                    _media(ANNA),
                    *(
                        _tier(f"emotion-{who}", SPAN, n, f'PARTICIPANT="{who}"')
                        for n, who in enumerate(("anna", "ben"))
                    ),
                )
            },
            r"several people \(anna, ben\)",
        ),
        (
            "elan",
            {"a.eaf": _eaf(_media(ANNA), _tier("emotion", SPAN, 0), _tier("valence", SPAN, 1, 'ANNOTATOR="r1"'))},
            "some rows have a rater and others have none",
        ),
        ("elan", {"a.eaf": _eaf(_media(ANNA), _tier("emotion", [], 0))}, "there are no labels in it"),
        ("label-studio", _ls(_choice("fear"), _choice("anger")), "says emotion 'fear' and 'anger' of one moment"),
        (
            "label-studio",
            _ls({"from_name": "emotion", "value": {"choices": ["fear", "anger"]}}),
            "one annotation says emotion fear and anger; keep one",
        ),
        (
            "label-studio",
            _ls({"from_name": "valence", "type": "rating", "value": {"rating": 4}}),
            "the control valence holds something else than a number",
        ),
        (
            "label-studio",
            _ls({"from_name": "emotion", "value": {"labels": ["fear"], "sequence": [{"frame": 1}]}}),
            "the control emotion holds something else than one choice or label",
        ),
        (
            "label-studio",
            _ls(_choice("fear", "timelinelabels", ranges=[{"start": 0, "end": 2}])),
            "a span has no frames",
        ),
        ("label-studio", _ls(_choice("fear", "timelinelabels", ranges=[{"end": 2}])), "a span has no frames"),
        ("label-studio", _ls(_choice("fear"), image="a.jpg", video=ANNA), "about an image and a video"),
        (
            "label-studio",
            _ls(_choice("fear", "timelinelabels", ranges=[{"start": 1, "end": 2}]), _number("intensity", 0.5)),
            "frame_index is empty, but other rows have one",
        ),
        (
            "sewa",
            {"anna.csv": _lines("'a';0;0.1;0.1", "'b';0;0.2;0.2")},
            "anna.csv:2: it is about 'b' as well as 'a', which are not two videos",
        ),
        (
            "afew-va",
            {"anna.json": json.dumps({"video_id": "ben", "frames": {}})},
            f"its video_id means {BEN}, and its name {ANNA}",
        ),
        ("afew-va", {"anna.json": '{"frames": {"0": {}, "0": {}}}'}, "'0' stands twice in one object"),
        (
            "affwild2",
            {f"{folder}/anna.txt": _lines("valence,arousal", "0.1,0.1") for folder in ("a", "b")},
            f"both label {ANNA}; import them separately",
        ),
        (
            "muse",
            {f"{axis}/anna.csv": _lines("timestamp,value,segment_id", "0,0.1,1", "0,0.2,2") for axis in ("valence",)},
            "anna.csv:3: the time 0 is in the segments 1 and 2",
        ),
    ],
)
def test_what_is_said_and_cannot_be_honoured_is_refused(
    workspace: Workspace, name: str, files: Made, message: str
) -> None:
    before = workspace.manifest.read_bytes()
    with pytest.raises(InputError, match=message):
        _import(workspace, name, files)
    assert workspace.manifest.read_bytes() == before
    assert not workspace.ratings_log.exists()


def test_both_axes_may_stand_in_one_file(workspace: Workspace) -> None:
    """Columns called like axes are no raters."""
    lines = [f"{frame / 25:g};{v};{a}" for frame, (v, a), _ in _of(ANNA)]
    _import(workspace, "recola", {"anna.csv": _lines("time;valence;arousal", *lines)})
    assert _points(workspace) == {place: point for place, point in POINTS.items() if place[0] == ANNA}
