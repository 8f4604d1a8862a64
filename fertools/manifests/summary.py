"""Count the faces, subjects and sources of each label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store


@dataclass(frozen=True)
class LabelCount:
    """The kept faces of one label.

    Attributes:
        label: an emotion, or None for faces without one.
        faces: number of kept faces.
        subjects: number of distinct subjects.
        sources: number of distinct videos or images.
        valence: mean valence of the faces that have one; None if no face has.
        arousal: mean arousal of the faces that have one; None if no face has.
    """

    label: str | None
    faces: int
    subjects: int
    sources: int
    valence: float | None
    arousal: float | None


def count_labels(workspace: WorkspaceLike) -> list[LabelCount]:
    """Return the counts of each label: the seven expressions, then other labels, then unlabelled faces.

    Raises:
        InputError: there is no manifest.
    """
    workspace = Workspace(workspace)
    columns = ("emotion", "subject_id", "source_id", "valence", "arousal")
    table = store.read_faces(workspace, columns, filters=[("status", "=", "kept")]).to_pandas()
    found = set(table["emotion"].dropna())
    labels: list[str | None] = [label for label in EMOTIONS if label in found]
    labels += sorted(found - set(EMOTIONS))
    counts = []
    for label in (*labels, None):
        rows = table[table["emotion"].isna()] if label is None else table[table["emotion"] == label]
        if len(rows):
            means = (float(np.nanmean(rows[name])) if rows[name].notna().any() else None for name in columns[3:])
            valence, arousal = means
            people, sources = rows["subject_id"].nunique(), rows["source_id"].nunique()
            counts.append(LabelCount(label, len(rows), people, sources, valence, arousal))
    return counts
