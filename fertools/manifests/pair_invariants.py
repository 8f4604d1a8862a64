"""Invariants of pairs: one person at one moment, once in each modality."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.schema import ANIMATED
from fertools.manifests.validation_context import ValidationContext

PAIR_COLUMNS = ("pair_id", "modality", "subject_id", "subject_origin", "status", "parent_id")
"""Columns of the manifest that the invariants of pairs need."""


def unlike_pairs(context: ValidationContext) -> Sequence[str]:
    """Find pairs whose kept faces have different known subjects; a drawn character has a subject of its own."""
    faces = _paired(context)
    # A video or a track is a subject of its own where nothing names the person.
    named = pc.and_(pc.is_valid(faces["subject_id"]), pc.not_equal(pc.fill_null(faces["subject_origin"], ""), "video"))
    faces = faces.filter(pc.and_(named, pc.not_equal(faces["modality"], ANIMATED)))
    return sorted(
        f"pair {pair} ({' and '.join(sorted(found))})" for (pair,), found in several(faces, ["pair_id"]).items()
    )


def repeated_modalities(context: ValidationContext) -> Sequence[str]:
    """Find pairs with several kept faces in one modality."""
    counts = _paired(context).group_by(["pair_id", "modality"]).aggregate([([], "count_all")])
    counts = counts.filter(pc.greater(counts["count_all"], 1))
    return sorted(f"pair {row['pair_id']} ({row['count_all']} {row['modality']} faces)" for row in counts.to_pylist())


def several(faces: pa.Table, keys: list[str]) -> dict[tuple[str, ...], set[str]]:
    """Return the subjects of each group of faces that has several.

    Args:
        faces: rows with `subject_id` and the keys, without nulls.
        keys: columns whose values name a group.
    """
    # A group has several subjects if its smallest and largest differ.
    spans = faces.group_by(keys).aggregate([("subject_id", "min"), ("subject_id", "max")])
    mixed = spans.filter(pc.not_equal(spans["subject_id_min"], spans["subject_id_max"])).select(keys)
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in faces.join(mixed, keys, join_type="left semi").to_pylist():
        found[tuple(row[key] for key in keys)].add(row["subject_id"])
    return found


def _paired(context: ValidationContext) -> pa.Table:
    """Return the kept real faces that have a `pair_id`."""
    faces = context.faces.select(list(PAIR_COLUMNS))
    paired = pc.and_(pc.is_valid(faces["pair_id"]), pc.equal(faces["status"], "kept"))
    return faces.filter(pc.and_(paired, pc.is_null(faces["parent_id"])))
