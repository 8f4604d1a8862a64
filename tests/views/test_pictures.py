"""Contact sheets, film strips and faces in their frames: which faces they show, and where the marks are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store, table_stream
from fertools.manifests.one_face import read_face
from fertools.sources.face_frames import FaceFrame
from fertools.views.conditions import FaceConditions
from fertools.views.contact_sheet import ContactSheetOptions, draw_contact_sheet, draw_film_strip
from fertools.views.face_picture import PART_PX, draw_face, face_picture
from fertools.views.label_counts import count_labels
from fertools.views.track_faces import read_track
from tests.cli.conftest import Run, fertools
from tests.manifests.rows import build, face, identify, source

__all__ = ["fertools"]

GREY = 90


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace of a track of 12 faces, 3 faces of another track, and a face of a picture."""
    rows = [
        face(f"a{number}", frame=number, emotion="anger" if number < 5 else None, status="kept") for number in range(12)
    ]
    rows[3] |= {"status": "rejected", "reason": "blurred"}
    rows += [face(f"b{number}", frame=number, track_id=1, subject_id="ben") for number in range(3)]
    rows.append(face("still", "photo.png", pts_s=None, track_id=None, emotion="fear"))
    sources = [source(), source("photo.png", kind="image") | {"source_id": identify("photo.png")}]
    rows[-1]["source_id"] = identify("photo.png")
    made = build(tmp_path / "made", rows, sources, crops=True)
    Image.new("RGB", (200, 100), (GREY,) * 3).save(made.root / "photo.png")
    return made


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_contact_sheet_shows_the_faces_that_meet_the_conditions(workspace: Workspace, tmp_path: Path) -> None:
    path, options = tmp_path / "sheet.png", ContactSheetOptions(columns=3, cell_px=20)
    assert draw_contact_sheet(workspace, path, FaceConditions(emotion=("anger",)), options) == 4
    # Two rows of three faces at most, of 20 px with a caption of 30 px and gaps of 6 px.
    assert _size(path) == (3 * 26 + 6, 2 * 56 + 6)
    assert draw_contact_sheet(workspace, path) == 15
    assert draw_contact_sheet(workspace, path, FaceConditions(status=("rejected",))) == 1
    assert draw_contact_sheet(workspace, path, options=ContactSheetOptions(faces=5)) == 5
    with pytest.raises(InputError, match=r"no face in .* meets the conditions"):
        draw_contact_sheet(workspace, path, FaceConditions(emotion=("sadness",)))


def test_a_track_is_all_its_faces_in_the_order_of_time(workspace: Workspace, tmp_path: Path) -> None:
    track = read_track(workspace, identify("a7"))
    assert [row["face_id"] for row in track] == [identify(f"a{number}") for number in range(12)]
    assert draw_film_strip(workspace, identify("a7"), tmp_path / "strip.png", ContactSheetOptions(columns=5)) == 12
    assert draw_film_strip(workspace, identify("b0"), tmp_path / "strip.png") == 3
    with pytest.raises(InputError, match="belongs to no track"):
        read_track(workspace, identify("still"))


def test_one_face_is_read_from_any_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_stream, "GROUP_ROWS", 7)
    made = build(tmp_path, [face(f"a{number}", frame=number) for number in range(30)])
    for row in store.read_faces(made).to_pylist():
        assert read_face(made, row["face_id"]) == row
    with pytest.raises(InputError, match="there is no face 'nobody'"):
        read_face(made, "nobody")


def test_label_counts_are_those_of_the_conditions(workspace: Workspace) -> None:
    counts = {one.label: (one.faces, one.subjects, one.sources) for one in count_labels(workspace)}
    assert counts == {"anger": (4, 1, 1), "fear": (1, 1, 1), None: (10, 2, 1)}
    assert [one.faces for one in count_labels(workspace, FaceConditions(subject=("ben",)))] == [3]


def _distance(picture: NDArray[np.uint8], x: float, y: float, colour: tuple[int, int, int]) -> float:
    """Return how far the nearest pixel of a colour is from a place, in pixels."""
    found = np.argwhere((np.abs(picture.astype(int) - colour) < 30).all(2))
    return float(np.hypot(found[:, 1] - x, found[:, 0] - y).min()) if len(found) else np.inf


@pytest.mark.parametrize("around", [False, True])
def test_marks_are_where_the_row_says(around: bool) -> None:
    row = face("a", landmarks_smoothed=[[80.0, 60.0]] * 5, face_px=55.0)
    # A crop of 16 px from the square of 48 px at (20, 8), turned by nothing.
    row["matrix"] = [[1 / 3, 0.0, -20 / 3], [0.0, 1 / 3, -8 / 3]]
    picture = face_picture(FaceFrame(row, "a.png", np.full((200, 300, 3), GREY, np.uint8)), around=around)
    # Around the face: 2.5 sides of its box of 50 x 60 at (10, 10), cut at the frame: from (0, 0) to (110, 115).
    scale = PART_PX / 115 if around else 1.0
    assert picture.shape == ((PART_PX, round(110 * scale), 3) if around else (200, 300, 3))
    for x, y in row["landmarks"]:
        assert _distance(picture, x * scale, y * scale, (230, 40, 40)) <= 2
    assert _distance(picture, 80 * scale, 60 * scale, (20, 190, 90)) <= 2
    for x, y in ((10, 40), (60, 40), (35, 10), (35, 70)):
        assert _distance(picture, x * scale, y * scale, (255, 255, 255)) <= scale
    # The middle of the crop's first pixel is at (20, 8), and a pixel of the crop is 3 px wide.
    for x, y in ((18.5, 45), (66.5, 45), (40, 6.5), (40, 54.5)):
        assert _distance(picture, x * scale, y * scale, (70, 150, 255)) <= 1.5 * scale
    assert (picture[-3, -3] == GREY).all()


def test_a_face_without_box_and_landmarks_is_shown_without_them() -> None:
    row = face("a", box=None, landmarks=None, matrix=None, face_px=None, landmarks_smoothed=None)
    frame = np.full((50, 60, 3), GREY, np.uint8)
    assert (face_picture(FaceFrame(row, "a.png", frame), around=False) == frame).all()
    assert face_picture(FaceFrame(row, "a.png", frame), around=True).shape == (PART_PX * 50 // 60, PART_PX, 3)


def test_the_command_shows_what_is_asked_for(fertools: Run, workspace: Workspace, tmp_path: Path) -> None:
    def show(*options: str) -> str:
        ended = fertools("show", "-w", str(workspace.root), *options)
        assert ended.code == 0, ended.err
        return ended.out

    still, sheet = identify("still"), str(tmp_path / "sheet.png")
    assert json.loads(show("--emotion", "anger", "--json"))[0]["faces"] == 4
    assert "no face meets the conditions" in show("--emotion", "sadness")
    assert show("--emotion", "anger", "--emotion", "fear", "--sheet", sheet).startswith("5 faces on")
    assert show("--rejected", "--sheet", sheet).startswith("1 faces on")
    assert "fear" in show("--face", still)
    assert json.loads(show("--face", still, "--json"))[0] == read_face(workspace, still)
    assert len(json.loads(show("--track", identify("a3"), "--json"))) == 12
    assert show("--track", identify("a3"), "--sheet", sheet).startswith("12 faces on")
    show("--face", still, "--sheet", sheet)
    assert _size(Path(sheet)) == (200, 100)
    show("--face", still, "--sheet", sheet, "--around")
    assert max(_size(Path(sheet))) == PART_PX


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--face", "x", "--emotion", "anger"), "--face chooses the faces; leave out --emotion"),
        (("--track", "x", "--rejected"), "--track chooses the faces; leave out --rejected"),
        (("--face", "x", "--track", "y"), "--face chooses the faces; leave out --track"),
        (("--around",), "--around needs --face"),
        (("--face", "x"), "there is no face 'x'"),
        (("--face", identify("a1"), "--sheet", "sheet.png"), "is missing"),
        (("--range", "blur=nan.."), "not finite"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    fertools: Run, workspace: Workspace, options: tuple[str, ...], words: str
) -> None:
    ended = fertools("show", "-w", str(workspace.root), *options)
    assert ended.code == 2
    assert words in ended.err


def test_a_drawing_is_marked_as_output(workspace: Workspace, tmp_path: Path) -> None:
    draw_face(workspace, identify("still"), tmp_path / "face.png")
    with Image.open(tmp_path / "face.png") as picture:
        assert picture.info["Software"] == "fertools"
