"""The invariant of sequences: pictures that are frames of one take show one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.pair_invariants import several
from fertools.manifests.validation_context import SOURCE_NUMBER, ValidationContext

SEQUENCE_COLUMNS = (
    *(SOURCE_NUMBER, "dataset", "modality", "sequence_id", "subject_id", "subject_origin", "status", "parent_id"),
)
"""Columns of the manifest that the invariant needs."""


def unlike_sequences(context: ValidationContext) -> Sequence[str]:
    """Find sequences whose kept faces have different known subjects; pictures with several kept faces do not count."""
    faces = context.faces.select(list(SEQUENCE_COLUMNS))
    kept = pc.and_(pc.equal(faces["status"], "kept"), pc.is_null(faces["parent_id"]))
    faces = faces.filter(pc.and_(kept, pc.is_valid(faces["sequence_id"])))
    numbers = faces[SOURCE_NUMBER].to_numpy()
    alone = pa.array(np.bincount(numbers)[numbers] == 1)
    # A track is a subject of its own where nothing names the person.
    named = pc.and_(pc.is_valid(faces["subject_id"]), pc.not_equal(pc.fill_null(faces["subject_origin"], ""), "video"))
    faces = faces.filter(pc.and_(named, alone))
    dataset = pc.if_else(pc.equal(pc.fill_null(faces["dataset"], ""), ""), "unnamed", faces["dataset"])
    faces = faces.set_column(faces.schema.get_field_index("dataset"), "dataset", dataset)
    return sorted(
        f"sequence {sequence} of {dataset} ({modality}), which shows {' and '.join(sorted(found))}"
        for (dataset, modality, sequence), found in several(faces, ["dataset", "modality", "sequence_id"]).items()
    )
