"""Write the votes for the expressions of faces to `annotations/votes.csv`, which training reads as soft labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from fertools.core import files
from fertools.core.csv_table import read_csv
from fertools.core.label_distribution import OTHER
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.ingestion.plan import COPY_OF
from fertools.ingestion.source_labels import face_boxes, match_labels
from fertools.manifests import nested, store
from fertools.sources.discovery import SourceFile
from fertools.sources.labels import FaceLabels

Row = dict[str, str]


def votes_path(workspace: Workspace) -> Path:
    """Return the path of the votes of a workspace."""
    return workspace.root / "annotations" / "votes.csv"


def write_votes(workspace: Workspace, found: Sequence[SourceFile]) -> int:
    """Write the votes that came with sources, and return the number of faces that have some.

    Votes of other faces stay, and those that a copy of the file contradicts are unknown. The votes follow from the
    sources and the manifest alone, so a stopped ingest loses none.

    Args:
        workspace: workspace with a complete manifest.
        found: the given files with their labels.
    """
    labels = {workspace.name_of(file.path): file.labels for file in found if any(one.votes for one in file.labels)}
    if not labels:
        return 0
    sources = store.read_sources(workspace, ("source_id", "path", "reason")).to_pylist()
    contradicted = {
        owner
        for row in sources
        if row["path"] in labels
        and (row["reason"] or "").startswith(COPY_OF)
        and _votes_of(labels[row["path"]]) != _votes_of(labels.get(owner := row["reason"].removeprefix(COPY_OF), ()))
    }
    of_source = {
        row["source_id"]: labels[row["path"]]
        for row in sources
        if row["path"] in labels and row["path"] not in contradicted
    }
    faces = store.read_faces(workspace, ("face_id", "source_id", "box"))
    rows = _read(votes_path(workspace))
    given = 0
    faces = nested.take(faces, pc.sort_indices(faces["source_id"]))
    ids, owners = faces["face_id"].to_pylist(), faces["source_id"].to_pylist()
    boxes = face_boxes(faces)
    start = 0
    while start < len(owners):
        end = next((place for place in range(start, len(owners)) if owners[place] != owners[start]), len(owners))
        matched = match_labels(of_source.get(owners[start], ()), boxes[start:end])
        for face_id, one in zip(ids[start:end], matched, strict=True):
            if one is not None and one.votes:
                rows[face_id] = {label: f"{count:.12g}" for label, count in one.votes}
                given += 1
        start = end
    if given:
        _write(votes_path(workspace), rows)
    return given


def _votes_of(labels: Sequence[FaceLabels]) -> list[tuple[tuple[str, float], ...]]:
    return [one.votes for one in labels]


def _read(path: Path) -> dict[str, Row]:
    if not path.is_file():
        return {}
    columns = read_csv(path).columns
    ids = columns.pop("face_id", [])
    return {
        face_id: {label: column[number] for label, column in columns.items() if column[number]}
        for number, face_id in enumerate(ids)
    }


def _write(path: Path, rows: dict[str, Row]) -> None:
    labels = {label for row in rows.values() for label in row}
    # All seven expressions, because training needs a column for each class.
    header = [*EMOTIONS, *sorted(labels - {*EMOTIONS, OTHER}), *({OTHER} & labels)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["face_id", *header])
    writer.writerows([face_id, *(row.get(label, "0") for label in header)] for face_id, row in sorted(rows.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, stream.getvalue())
