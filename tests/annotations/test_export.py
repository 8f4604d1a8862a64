"""Exports stay in their folder, replace nothing of others, and say what they leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.annotations.exchange import export_annotations, import_annotations
from fertools.annotations.formats.filenames import name_files
from fertools.annotations.formats.registry import FORMATS
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools
from tests.manifests.rows import build, face, faces_of, identify, source

FOLDERS = [name for name, form in FORMATS.items() if form.folder]
POINT = {"valence": 0.5, "arousal": -0.25, "va_origin": "people", "emotion": "fear", "emotion_origin": "people"}


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _labelled(root: Path, *videos: str, **columns: Any) -> Workspace:
    faces = [face(name, name, 3, **(POINT | columns), pts_s=number / 10) for number, name in enumerate(videos)]
    return build(root, faces, [source(name) for name in videos])


@pytest.mark.parametrize("name", FOLDERS)
def test_sources_outside_the_workspace_are_written_inside_the_folder(tmp_path: Path, name: str) -> None:
    """Paths of the manifest that go up, or begin at the root, would reach a file of labels beside the output folder."""
    videos = ("../../videos/clip.mp4", f"{tmp_path}/videos/other.mp4", "../../videos/more/clip.mp4")
    workspace = _labelled(tmp_path / "data" / "w", *videos)
    suffixes = (".txt", ".csv", ".eaf", ".json")
    mine = [tmp_path / "data" / "videos" / f"{stem}{suffix}" for stem in ("clip", "other") for suffix in suffixes]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    before = _files(tmp_path)
    out = tmp_path / "data" / "w" / "out"
    summary = export_annotations(workspace, name, out)
    after = _files(tmp_path)
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) == set(summary.files)
    # A file per video, and per axis or kind of label where the format has one each.
    kinds = {"affwild2": 2, "recola": 2, "muse": 2}.get(name, 1)
    assert len({path.relative_to(out) for path in summary.files}) == 3 * kinds


@pytest.mark.parametrize("name", FOLDERS)
def test_videos_of_one_name_come_back_to_their_own(tmp_path: Path, name: str) -> None:
    videos = ("x/clip.mp4", "y/Clip.avi", "../z/clip.mov", "odd: name?.mp4", "...mp4", "con.mp4")
    workspace = _labelled(tmp_path / "w", *videos)
    rows = faces_of(workspace)
    for number, video in enumerate(videos):
        rows[identify(video)]["valence"] = number / 10
    full = build(tmp_path / "full", list(rows.values()), [source(video) for video in videos])
    empty = build(
        tmp_path / "empty", [face(v, v, 3, pts_s=n / 10) for n, v in enumerate(videos)], [source(v) for v in videos]
    )
    written = export_annotations(full, name, tmp_path / "out").files
    import_annotations(empty, name, written)
    assert {key: row["valence"] for key, row in faces_of(empty).items()} == {
        key: row["valence"] for key, row in faces_of(full).items()
    }


@given(stems=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=120), max_size=8, unique=True))
def test_names_of_files_are_plain_and_differ(stems: list[str]) -> None:
    paths = {identify(stem): f"{stem}.mp4" for stem in stems}
    names = list(name_files(paths).values())
    assert len({name.casefold() for name in names}) == len(stems)
    for name in names:
        assert Path(name).name == name
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert len(f"{name}.json".encode()) <= 255


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_somebody_s_is_never_replaced_unasked(tmp_path: Path, name: str) -> None:
    workspace = _labelled(tmp_path / "w", "clip.mp4", "other.mp4")
    out, classes = tmp_path / "out", ["fear"]
    written = export_annotations(workspace, name, out, classes=classes).files
    expected = _files(tmp_path)
    assert export_annotations(workspace, name, out, classes=classes).files == written
    assert _files(tmp_path) == expected
    # One file of those is another's now, and the rest are gone: nothing may be written beside it.
    for path in written[:-1]:
        path.unlink()
    written[-1].write_text("mine")
    before = _files(tmp_path)
    with pytest.raises(InputError, match=f"{written[-1].name} would be replaced; .* `overwrite=True`"):
        export_annotations(workspace, name, out, classes=classes)
    assert _files(tmp_path) == before
    export_annotations(workspace, name, out, classes=classes, overwrite=True)
    assert _files(tmp_path) == expected


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    workspace = _labelled(tmp_path / "w", "clip.mp4")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "valence").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        export_annotations(workspace, "recola", tmp_path / "out", overwrite=True)
    assert not _files(tmp_path / "elsewhere")


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path, fertools: Run) -> None:
    faces = [
        face("a", "clip.mp4", 3, **POINT),
        face("b", "clip.mp4", 4, intensity=0.5),
        face("c", "clip.mp4", 5, **POINT, status="rejected", reason="blur"),
        face("d", "a.jpg", 0, **POINT, pts_s=None),
        face("e", "clip.mp4", 6),
    ]
    workspace = build(tmp_path / "w", faces, [source("clip.mp4"), source("a.jpg", kind="image")])
    summary = export_annotations(workspace, "recola", tmp_path / "out")
    assert summary.written == {"valence": 1, "arousal": 1}
    assert summary.left_out == {
        "emotion of rejected faces": 1,
        "emotion of pictures (recola goes by time)": 1,
        "emotion (recola does not carry it)": 1,
        "valence of rejected faces": 1,
        "valence of pictures (recola goes by time)": 1,
        "arousal of rejected faces": 1,
        "arousal of pictures (recola goes by time)": 1,
        "intensity (recola does not carry it)": 1,
        "subject_id of rejected faces": 1,
        "subject_id of pictures (recola goes by time)": 1,
        "subject_id (recola does not carry it)": 2,
    }
    ended = fertools("annotate", "export", "csv", "-o", tmp_path / "t.csv", "-w", workspace.root)
    assert ended.code == 0, ended.err
    assert "written   2 emotion, 2 valence, 2 arousal, 1 intensity, 3 subject_id" in ended.out
    assert "left out  1 emotion of rejected faces, 1 valence of rejected faces" in ended.out
    ended = fertools("annotate", "export", "elan", "-o", tmp_path / "t.csv", "-w", workspace.root)
    assert ended.code == 2
    pictures = build(tmp_path / "p", [face("d", "a.jpg", 0, **POINT, pts_s=None)], [source("a.jpg", kind="image")])
    with pytest.raises(InputError, match=r"no label can be written as muse \(1 emotion of pictures"):
        export_annotations(pictures, "muse", tmp_path / "m")
