"""Labels, and quadrants of valence and arousal, that a part of a split lacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.coded_column import Codes

_QUADRANTS = tuple(
    f"{valence} valence and {arousal} arousal"
    for valence in ("negative", "positive")
    for arousal in ("negative", "positive")
)


def find_coverage(table: AuditTable) -> Iterator[Finding]:
    """Yield each label and each quadrant that some part has no face of."""
    emotion = table.column("emotion")
    yield from _lacking(table, emotion.codes, [str(name) for name in emotion.values.to_pylist()])
    valence, arousal = table.number("valence"), table.number("arousal")
    known = np.isfinite(valence) & np.isfinite(arousal)
    quadrants = np.where(known, 2 * (valence >= 0) + (arousal >= 0), -1).astype(np.int32)
    yield from _lacking(table, quadrants, _QUADRANTS)


def _lacking(table: AuditTable, codes: Codes, names: list[str] | tuple[str, ...]) -> Iterator[Finding]:
    parts = [str(part) for part in table.parts.values.to_pylist()]
    known = (codes >= 0) & table.parts.known
    places = codes[known].astype(np.int64) * len(parts) + table.parts.codes[known]
    counts = np.bincount(places, minlength=len(names) * len(parts)).reshape(len(names), len(parts))
    seen = set(np.unique(codes[codes >= 0]).tolist())
    for name, row in sorted(zip(names, range(len(names)), strict=True)):
        lacking = sorted(part for part, count in zip(parts, counts[row].tolist(), strict=True) if not count)
        if row in seen and lacking:
            yield Finding("coverage", "warning", f"no face of {name} is in {', '.join(lacking)}")
