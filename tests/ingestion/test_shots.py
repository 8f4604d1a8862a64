"""No track and no subject holds two people of a joined video; the people are drawn, in one room at one place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.samples.moments import draw_clip
from tests.conftest import write_clip
from tests.ingestion.clips import OPTIONS

CAST = (3, 5, 6, 8)


def _people(length: int, light: float) -> list[NDArray[np.uint8]]:
    """Return the people of the cast one after another, each for so many frames."""
    rng = np.random.default_rng(0)
    frames = [
        np.asarray(moment.picture("visible", 192), np.float64) * light + rng.normal(0, 1, (192, 192, 3))
        for number in CAST
        for moment in draw_clip(number, "happiness", "lab", length).moments
    ]
    return [np.clip(frame, 0, 255).astype(np.uint8) for frame in frames]


@pytest.mark.parametrize(
    ("length", "light", "options"),
    [
        (8, 1.0, OPTIONS),
        (8, 0.3, OPTIONS),
        (3, 1.0, OPTIONS),
        # Each face that is looked at is another's.
        (8, 1.0, replace(OPTIONS, every=8)),
    ],
)
def test_no_track_or_subject_holds_two_people(
    tmp_path: Path, length: int, light: float, options: IngestOptions
) -> None:
    clip = write_clip(tmp_path / "given" / "a.mp4", _people(length, light))
    workspace = Workspace(tmp_path / "w")
    ingest([clip], workspace, options)
    columns = ("frame_index", "shot_id", "track_id", "subject_id")
    rows = store.read_faces(workspace, columns, [("status", "=", "kept")]).to_pylist()
    for column in columns[1:]:
        people = {(row[column], CAST[row["frame_index"] // length]) for row in rows}
        assert len(people) == len({row[column] for row in rows}) == len(CAST), column
