"""Names of sources in the forms that other systems and tools write."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from fertools.annotations.exchange import import_annotations
from fertools.annotations.label_import import ImportSummary, import_labels
from fertools.annotations.row_matching import SourceFinder
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from tests.manifests.rows import build, face, faces_of, source

PATHS = (
    "videos/p01/clip.mp4",
    "videos/p02/clip.mp4",
    "videos/p02/café 1.mp4",
    "videos/p03/100%25.mp4",
    "videos/p03/100%.mp4",
    "/far/p04/old.mp4",
    "top.mp4",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return build(tmp_path / "w", [face(path, path, pts_s=0.0) for path in PATHS], [source(path) for path in PATHS])


def _finder(workspace: Workspace) -> SourceFinder:
    return SourceFinder(workspace, store.read_sources(workspace, ["source_id", "path", "frames_decoded"]))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("p01\\clip.mp4", PATHS[0]),
        ("videos\\p01\\clip.mp4", PATHS[0]),
        ("D:\\data\\videos\\p01\\clip.mp4", PATHS[0]),
        ("/home/ann/w/videos/p02/clip.mp4", PATHS[1]),
        ("videos/p02/caf%C3%A9%201.mp4", PATHS[2]),
        ("caf%c3%a9%201.mp4", PATHS[2]),
        (unicodedata.normalize("NFD", "café 1.mp4"), PATHS[2]),
        (unicodedata.normalize("NFD", PATHS[2]), PATHS[2]),
        # What is written exactly goes before what it could also mean.
        ("100%25.mp4", PATHS[3]),
        ("100%.mp4", PATHS[4]),
        ("old.mp4", PATHS[5]),
        ("top.mp4", PATHS[6]),
        ("clip.mp4", None),
        ("p03/clip.mp4", None),
        ("/elsewhere/p03/clip.mp4", None),
        ("/elsewhere/top.mp4", None),
        ("C:\\elsewhere\\old.mp4", None),
    ],
)
def test_a_source_is_found_by_what_others_call_it_and_no_other_is(
    workspace: Workspace, name: str, path: str | None
) -> None:
    assert _finder(workspace).path_of(name) == path


def test_two_unicode_forms_of_one_name_are_two_files(tmp_path: Path) -> None:
    names = ["é.mp4", unicodedata.normalize("NFD", "é.mp4")]
    workspace = build(tmp_path / "w", [], [source(name) for name in names])
    assert [_finder(workspace).path_of(name) for name in names] == names
    assert _finder(workspace).path_of("%C3%A9.mp4") == names[0]


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("/data/local-files/?d=videos/p02/caf%C3%A9%201.mp4", PATHS[2]),
        ("/data/local-files/?d=my/w/videos/p02/clip.mp4", PATHS[1]),
        ("/data/upload/1/abcd1234-old.mp4", PATHS[5]),
        ("/data/upload/12/0a1b2c3d-caf%C3%A9_1.mp4", PATHS[2]),
        ("http://localhost:8080/data/upload/1/abcd1234-caf\u00e9_1.mp4", PATHS[2]),
        ("s3://bucket/videos/p01/clip.mp4", PATHS[0]),
        ("https://example.org/media/videos/p01/clip.mp4", PATHS[0]),
    ],
)
def test_addresses_of_label_studio_reach_their_video(workspace: Workspace, address: str, reached: str) -> None:
    result = {"from_name": "emotion", "type": "choices", "value": {"choices": ["Happy"]}}
    path = workspace.root / "a.json"
    path.write_text(json.dumps([{"data": {"video": address}, "annotations": [{"result": [result]}]}]), "utf-8")
    import_annotations(workspace, "label-studio", [path])
    rows = [row for row in faces_of(workspace).values() if row["emotion"]]
    assert [_finder(workspace).path_of(row["source_id"]) for row in rows] == [reached]


def test_an_upload_of_a_name_that_two_sources_have_is_refused(workspace: Workspace) -> None:
    result = {"from_name": "emotion", "type": "choices", "value": {"choices": ["Happy"]}}
    path = workspace.root / "a.json"
    task = {"data": {"video": "/data/upload/1/abcd1234-clip.mp4"}, "annotations": [{"result": [result]}]}
    path.write_text(json.dumps([task]))
    with pytest.raises(InputError, match=r"a.json:1: 'clip.mp4' matches 2 sources"):
        import_annotations(workspace, "label-studio", [path])


def _lines(workspace: Workspace, count: int, extra: str = "") -> ImportSummary:
    path = workspace.root / "top.txt"
    path.write_text("valence,arousal\n" + "0.5,0.5\n" * count + extra)
    summary = import_annotations(workspace, "affwild2", [path])
    assert isinstance(summary, ImportSummary)
    return summary


def test_one_line_more_than_frames_is_left_out_and_counted(workspace: Workspace) -> None:
    """So many files of Aff-Wild2 are; more are a sign of another video."""
    assert _lines(workspace, 100).beyond == 0
    assert _lines(workspace, 101, "\n").beyond == 1
    with pytest.raises(InputError, match=r"top.txt:102: top.mp4 has no frame 100"):
        _lines(workspace, 102)


def test_rows_found_in_different_ways_are_told_apart(workspace: Workspace) -> None:
    path = workspace.root / "t.csv"
    path.write_text(f"face_id,source,emotion\n{next(iter(faces_of(workspace)))},,sad\n,top.mp4,sad\n")
    with pytest.raises(InputError, match=r"t.csv:3: the face_id is empty, but other rows have one"):
        import_labels(workspace, path)
    # A column without a single cell is no key.
    path.write_text("face_id,frame_index,source,emotion\n,,top.mp4,sad\n")
    summary = import_labels(workspace, path)
    assert isinstance(summary, ImportSummary)
    assert summary.key == "source"
