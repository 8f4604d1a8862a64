"""The steps of an ingest can be inserted, replaced and left out, and a workspace remembers which they were."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pipeline import SourceContext, Step
from fertools.ingestion.steps import Crop, Detect, Smooth, default_steps
from fertools.ingestion.temporal_buffer import FrameFaces
from fertools.manifests import store
from tests.conftest import write_clip
from tests.ingestion.clips import moving_face, small

OPTIONS = IngestOptions(workers=1, crop_px=64, min_face=24)


class DropLeftHalf:
    """A frame step: leaves out the faces in the left half of a frame."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        for seen in frames:
            middle = seen.frame.rgb.shape[1]
            yield replace(seen, faces=tuple(face for face in seen.faces if face.box[0] + face.box[2] >= middle))


class RejectOddFrames:
    """A table step: rejects the faces of frames with odd numbers, by a rule of its own."""

    def finish(self, faces: pa.Table, context: SourceContext) -> pa.Table:
        odd = pc.equal(pc.bit_wise_and(faces["frame_index"], 1), 1)
        status = pc.if_else(odd, "rejected", faces["status"])
        return store.replace_columns(faces, {"status": status, "reason": pc.if_else(odd, "odd_frame", faces["reason"])})


class GreyCrop(Crop):
    """A replaced step: writes grey crops."""

    def cut(self, seen: FrameFaces, context: SourceContext) -> FrameFaces:
        grey = cv2.cvtColor(cv2.cvtColor(seen.frame.rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return super().cut(replace(seen, frame=replace(seen.frame, rgb=np.asarray(grey, np.uint8))), context)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """A video of two faces side by side, and a picture of them."""
    folder = tmp_path_factory.mktemp("pair")
    frames = [np.concatenate([frame, frame[:, ::-1]], axis=1) for frame in moving_face(portrait, 6)]
    write_clip(folder / "a.mp4", frames)
    cv2.imwrite(str(folder / "b.png"), np.concatenate([small(portrait), small(portrait)], axis=1)[..., ::-1])
    return folder


def _steps(**changes: Step) -> list[Step]:
    """Return the ordinary steps with `after_NAME` inserted and `NAME` replaced."""
    out: list[Step] = []
    for step in default_steps(OPTIONS):
        name = type(step).__name__
        out.append(changes.get(name, step))
        out += [changes[f"after_{name}"]] if f"after_{name}" in changes else []
    return out


def _faces(workspace: Workspace) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = store.read_faces(workspace).to_pylist()
    return rows


@pytest.mark.parametrize("workers", [1, 2])
def test_an_inserted_frame_step_drops_faces(pair: Path, tmp_path: Path, workers: int) -> None:
    usual, changed = Workspace(tmp_path / "usual"), Workspace(tmp_path / "changed")
    options = replace(OPTIONS, workers=workers)
    ingest([pair], usual, options)
    ingest([pair], changed, options, steps=_steps(after_Detect=DropLeftHalf()))
    right = {str(row["face_id"]): row["box"] for row in _faces(usual) if sum(row["box"][::2]) >= 384}  # type: ignore[index]
    assert {str(row["face_id"]): row["box"] for row in _faces(changed)} == right
    assert len(right) == 7
    assert len(_faces(usual)) == 14


def test_an_inserted_table_step_rejects_by_its_own_rule(pair: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    summary = ingest([pair], workspace, OPTIONS, steps=[*default_steps(OPTIONS), RejectOddFrames()])
    assert summary.faces_rejected == {"odd_frame": 6}
    assert {row["frame_index"] for row in _faces(workspace) if row["status"] == "kept"} == {0, 2, 4}


def test_a_replaced_step_does_the_work(pair: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([pair], workspace, replace(OPTIONS, crop_format="png"), steps=_steps(Crop=GreyCrop()))
    crops = [cv2.imread(str(path)) for path in workspace.crops.rglob("*.png")]
    assert len(crops) == 14
    assert all(crop is not None and (crop[..., 0] == crop[..., 2]).all() for crop in crops)


def test_a_step_can_be_left_out(pair: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([pair], workspace, OPTIONS, steps=[step for step in default_steps(OPTIONS) if not isinstance(step, Smooth)])
    assert {row["landmarks_smoothed"] for row in _faces(workspace)} == {None}
    assert len(_faces(workspace)) == 14


def test_the_ordinary_steps_given_are_the_ordinary_ingest(pair: Path, tmp_path: Path) -> None:
    one, other = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    ingest([pair], one, OPTIONS)
    ingest([pair], other, OPTIONS, steps=default_steps(OPTIONS))
    assert one.manifest.read_bytes() == other.manifest.read_bytes()
    assert "steps" not in other.settings()["ingest"]


def test_a_rerun_with_other_steps_is_refused(pair: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    steps = _steps(after_Detect=DropLeftHalf())
    ingest([pair], workspace, OPTIONS, steps=steps)
    with pytest.raises(ResumeRefused, match=r"steps \[.*DropLeftHalf.*\], not unset"):
        ingest([pair], workspace, OPTIONS)
    assert ingest([pair], workspace, OPTIONS, steps=steps).new_sources == 0


class Failing(Detect):
    """A step that fails on a source."""

    def run(self, frames: Iterator[FrameFaces], context: SourceContext) -> Generator[FrameFaces, None, None]:
        for seen in super().run(frames, context):
            if seen.frame.index == 2:
                raise ValueError("a step of my own")
            yield seen


def test_an_error_of_a_step_is_the_reason_of_its_source(pair: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    summary = ingest([pair], workspace, OPTIONS, steps=_steps(Detect=Failing()))
    ((name, reason),) = summary.failures
    assert name.endswith("a.mp4")
    assert "ValueError: a step of my own" in reason
    assert summary.sources == {"failed": 1, "done": 1}
