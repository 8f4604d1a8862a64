"""The prior: valence and arousal from the label of the expression, for faces without a rating.

It is filled in only on request, with `va_origin = prior`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.circumplex import Point, load_points
from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.manifests.change import changing
from fertools.manifests.schema import FACES, LABEL_GROUPS

VA_COLUMNS = LABEL_GROUPS["valence and arousal"]
"""The columns of the manifest for valence and arousal."""
ORIGIN = "prior"
"""`va_origin` of a prior."""


@dataclass(frozen=True)
class PriorSummary:
    """The result of `fill_prior`.

    Attributes:
        faces: number of rows of the manifest.
        filled: number of rows that got a prior.
        by_emotion: number of filled rows per expression.
        already: number of rows that keep their values: ratings and earlier priors.
        without_emotion: number of rows left empty because they have no expression.
        without_point: number of rows left empty because their expression has no point.
    """

    faces: int
    filled: int
    by_emotion: dict[str, int]
    already: int
    without_emotion: int
    without_point: int


def fill_prior(workspace: WorkspaceLike, *, overwrite: bool = False) -> PriorSummary:
    """Give every face with an expression, but without valence and arousal, the point of its expression.

    Ratings are never changed. A second call does nothing.

    Args:
        workspace: the workspace of the manifest.
        overwrite: remove earlier priors first, for example after a change of the points or of labels.

    Raises:
        InputError: no face has an expression, or there is no manifest.
    """
    workspace = Workspace(workspace)
    points = load_points(workspace.root)
    with changing(workspace, "filling in the prior") as faces:
        if len(faces) and faces["emotion"].null_count == len(faces):
            raise InputError(
                f"no face in {workspace.manifest} has an emotion, so there is no prior; put files into "
                f"folders named by emotion and ingest again, or give labels first with {calls.IMPORT_LABELS}"
            )
        before = without_priors(faces) if overwrite else faces
        after, summary = _filled(before, points)
        if not after.equals(faces):
            store.write_table(workspace.manifest, FACES, after)
    return summary


def without_priors(faces: pa.Table, rows: pa.ChunkedArray | None = None) -> pa.Table:
    """Return `faces` without priors: valence, arousal and their origin become null.

    Args:
        faces: rows of a manifest.
        rows: one Boolean per row, which rows to change; None for all.
    """
    stale = pc.fill_null(pc.equal(faces["va_origin"], ORIGIN), False)
    if rows is not None:
        stale = pc.and_(stale, rows)
    for name in VA_COLUMNS:
        faces = _replaced(faces, name, pc.if_else(stale, pa.scalar(None, faces.schema.field(name).type), faces[name]))
    return faces


def _filled(faces: pa.Table, points: dict[str, Point]) -> tuple[pa.Table, PriorSummary]:
    empty = pc.and_(pc.is_null(faces["valence"]), pc.is_null(faces["arousal"]))
    labelled = pc.is_valid(faces["emotion"])
    position = pc.index_in(faces["emotion"], value_set=pa.array(list(points), pa.string()))
    known = pc.is_valid(position)
    chosen = pc.and_(empty, known)
    counts = {item["values"]: item["counts"] for item in pc.value_counts(faces["emotion"].filter(chosen)).to_pylist()}
    values = {
        "valence": pc.take(pa.array([point.valence for point in points.values()], pa.float32()), position),
        "arousal": pc.take(pa.array([point.arousal for point in points.values()], pa.float32()), position),
        "va_origin": pa.scalar(ORIGIN),
    }
    after = faces
    for name, value in values.items():
        after = _replaced(after, name, pc.if_else(chosen, value, faces[name]))
    summary = PriorSummary(
        faces=len(faces),
        filled=_count(chosen),
        by_emotion={label: counts[label] for label in points if label in counts},
        already=len(faces) - _count(empty),
        without_emotion=_count(pc.and_(empty, pc.invert(labelled))),
        without_point=_count(pc.and_(empty, pc.and_(labelled, pc.invert(known)))),
    )
    return after, summary


def _replaced(faces: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    return faces.set_column(faces.schema.get_field_index(name), faces.schema.field(name), values)


def _count(condition: pa.ChunkedArray) -> int:
    return int(pc.sum(condition, min_count=0).as_py())
