"""Videos whose frames change size, as recordings of calls do: each frame is measured by its own size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.annotations.playable import make_copy
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.manifests.validation import validate
from fertools.sources.videos import FrameReader
from tests.conftest import write_clip
from tests.ingestion.clips import OPTIONS
from tests.sources.ffmpeg import make, probe

SIZES = ((576, 384), (336, 224), (432, 384))
"""Widths and heights, ten frames each."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    folder = tmp_path_factory.mktemp("sizes")
    for number, (width, height) in enumerate(SIZES):
        picture = np.full((height, width, 3), 60, np.uint8)
        picture[:, :height] = cv2.resize(portrait, (height, height), interpolation=cv2.INTER_AREA)
        write_clip(folder / f"{number}.webm", [np.roll(picture, step, axis=1) for step in range(10)], codec="libvpx")
    (folder / "list.txt").write_text("".join(f"file {number}.webm\n" for number in range(len(SIZES))))
    return make(folder / "given" / "call.webm", "-f", "concat", "-i", str(folder / "list.txt"), "-c", "copy")


def test_frames_have_the_sizes_that_ffprobe_states(clip: Path) -> None:
    assert [frame.rgb.shape[1::-1] for frame in FrameReader(clip)] == [(one.width, one.height) for one in probe(clip)]


@pytest.mark.parametrize("exhaustive", [False, True])
def test_boxes_lie_in_the_frame_that_they_are_of(clip: Path, tmp_path: Path, exhaustive: bool) -> None:
    workspace = Workspace(tmp_path)
    summary = ingest([clip], workspace, replace(OPTIONS, exhaustive=exhaustive))
    # A new size begins a new shot, and who is who across shots is not known; a split keeps them together.
    assert (summary.faces_kept, summary.subjects) == (30, 3)
    faces = store.read_faces(workspace, filters=[("status", "=", "kept")]).to_pandas().sort_values("frame_index")
    sizes = faces[["frame_width_px", "frame_height_px"]].to_numpy()
    assert [tuple(size) for size in sizes] == [size for size in SIZES for _ in range(10)]
    boxes = np.stack(faces["box"].to_list())
    # The portrait is a square as high as the frame, and the face has its place in it.
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / sizes[:, 1:]
    assert np.abs(middle - [0.44, 0.23]).max() < 0.08
    # Places in frames of different sizes are not smoothed together.
    assert faces.groupby(["frame_width_px", "frame_height_px"])["track_id"].nunique().tolist() == [1, 1, 1]
    (source,) = store.read_sources(workspace).to_pylist()
    assert (source["width_px"], source["height_px"]) == SIZES[0]
    assert not validate(workspace).violations


def test_other_crops_and_copies_for_raters_follow(clip: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([clip], workspace, OPTIONS)
    recrop(workspace, RecropOptions(template=OPTIONS.template, crop_px=OPTIONS.crop_px))
    for row in store.read_faces(workspace, ["face_id", "path"]).to_pylist():
        other = workspace.other_crop_path(row["face_id"], OPTIONS.template, OPTIONS.crop_px, ".jpg")
        assert (workspace.root / other).read_bytes() == (workspace.root / row["path"]).read_bytes()
    made = make_copy(workspace, "s", clip)
    copied = [frame.rgb for frame in FrameReader(made.path)]
    assert {picture.shape for picture in copied} == {(384, 576, 3)}
    assert len(copied) == len(made.times_s) == 30
