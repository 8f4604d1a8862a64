"""The invariant of sequences: pictures that are frames of one take show one person."""

from __future__ import annotations

from collections import Counter, defaultdict

import pyarrow.compute as pc

from fertools.manifests.validation_context import ValidationContext

_COLUMNS = ("source_id", "dataset", "modality", "sequence_id", "subject_id", "subject_origin", "status", "parent_id")


def unlike_sequences(context: ValidationContext) -> list[str]:
    """Find sequences whose kept faces have different known subjects; pictures with several kept faces do not count."""
    table = context.faces.select(list(_COLUMNS))
    kept = pc.and_(pc.equal(table["status"], "kept"), pc.is_null(table["parent_id"]))
    rows = table.filter(pc.and_(kept, pc.is_valid(table["sequence_id"]))).to_pylist()
    alone = Counter(row["source_id"] for row in rows)
    subjects = defaultdict(set)
    for row in rows:
        # A track is a subject of its own where nothing names the person.
        if row["subject_id"] is not None and row["subject_origin"] != "video" and alone[row["source_id"]] == 1:
            subjects[row["dataset"] or "unnamed", row["modality"], row["sequence_id"]].add(row["subject_id"])
    return sorted(
        f"sequence {sequence} of {dataset} ({modality}), which shows {' and '.join(sorted(found))}"
        for (dataset, modality, sequence), found in subjects.items()
        if len(found) > 1
    )
