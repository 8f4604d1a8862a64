"""A small workspace of drawn people in three datasets: a laboratory, the web without labels, and the wild."""

from __future__ import annotations

from pathlib import Path

import cv2

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.samples.moments import draw_clip
from tests.training.blobs import blob_rows

LOOKS = {"laboratory": "lab", "web": "wild", "wild": "wild"}
"""The look of each dataset."""
_SIZE_PX = 48


def write_drawn_looks(root: Path, people: int = 3) -> Workspace:
    """Write a workspace in which every dataset has people of its own, each with all expressions once.

    The people of a dataset are a fold each. Faces of the web have no expression.
    """
    workspace = Workspace(root)
    rows = []
    for row in blob_rows(people * len(LOOKS)):
        subject, emotion, _ = row.pop("_picture")
        dataset = list(LOOKS)[subject // people]
        (moment,) = draw_clip(subject + 1, emotion, LOOKS[dataset], frames=1).moments
        path = workspace.root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), moment.picture("visible", _SIZE_PX)[..., ::-1])
        row |= {"dataset": dataset, "fold": subject % people, "size_px": _SIZE_PX}
        unlabelled = {"emotion": None, "emotion_origin": None, "valence": None, "arousal": None, "va_origin": None}
        rows.append(row | unlabelled if dataset == "web" else row)
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    return workspace
