"""Sample grids of a run: what stands beside a face."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from fertools.training.data.faces import Faces
from fertools.training.jobs.translating import label_row


@pytest.mark.parametrize(
    ("subject", "emotion", "point", "label"),
    [
        ("p1", 0, (0.5, -0.25), "p1\nanger"),
        ("p1", 1, (np.nan, np.nan), "p1\nfear"),
        ("p1", -1, (0.5, -0.25), "p1\nv +0.5 a -0.2"),
        ("p1", -1, (np.nan, np.nan), "p1"),
        ("p1", -1, (0.5, np.nan), "p1"),
        (None, -1, (np.nan, np.nan), "unknown"),
    ],
)
def test_a_face_is_labelled_with_what_is_known(
    subject: str | None, emotion: int, point: tuple[float, float], label: str
) -> None:
    none = np.zeros(1, bool)
    faces = Faces(
        pa.table({"subject_id": pa.array([subject], pa.string())}),
        none,
        none,
        ("anger", "fear"),
        np.array([emotion]),
        np.array([point], np.float32),
        np.full((1, 2), np.nan, np.float32),
    )
    assert label_row(faces, 0) == label
