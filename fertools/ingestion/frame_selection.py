"""Choose frames of sequences after an ingest: faces of the other frames are rejected as `not_selected`.

A sequence is a track of a video, or the pictures of a dataset and modality with one `sequence_id`. The workspace
records a rule for each dataset and modality. The rules choose among the faces that the filter keeps, so they are
applied after every change of them: after an ingest, a filter and a merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.extract import outcome
from fertools.ingestion.postprocessing import updated_reason
from fertools.ingestion.source_options import dataset_key
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES, SOURCES
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.naming import split_name

SECTION = "select"
"""Section of `fertools.toml`: the rule of each dataset and modality that has one."""
NOT_SELECTED = "not_selected"
"""Reason of a face in a frame that the rule of its dataset does not choose."""

FACE_COLUMNS = (
    *("face_id", "source_id", "sequence_id", "track_id", "frame_index"),
    *("intensity", "status", "reason", "parent_id"),
)
"""Columns of the faces that a selection needs."""
_PROTOCOL = ("fold", "split")
SOURCE_COLUMNS = ("source_id", "path", "kind", "dataset", "modality")
"""Columns of the sources that a selection needs."""

Rules = Mapping[str, FrameRule]
"""The rule of each dataset and modality, by `dataset_key`."""
Frames: TypeAlias = dict[tuple[int, str], list[dict[str, Any]]]
"""Faces of a sequence by the number and name of their frame, which put the frames in order."""


def recorded_rules(workspace: Workspace) -> dict[str, FrameRule]:
    """Return the recorded rules of a workspace, by `dataset_key`.

    Raises:
        InputError: a rule in `fertools.toml` is none.
    """
    where = f"[{SECTION}] of {workspace.settings_path}"
    return {key: FrameRule.parse(str(rule), where) for key, rule in workspace.settings().get(SECTION, {}).items()}


def join_rules(workspaces: Sequence[Workspace]) -> dict[str, str]:
    """Return the recorded rules of several workspaces as one record.

    Raises:
        ResumeRefused: two of them have different rules for one dataset and modality.
    """
    joined: dict[str, str] = {}
    for workspace in workspaces:
        for key, rule in recorded_rules(workspace).items():
            if joined.setdefault(key, str(rule)) != str(rule):
                raise ResumeRefused(
                    f"the frames of {key} in {workspace.root} were selected by {rule}, and elsewhere by {joined[key]}; "
                    "select the same frames in all workspaces first"
                )
    return joined


def sequences_of(faces: pa.Table, sources: pa.Table) -> dict[tuple[str, ...], Frames]:
    """Return the frames of each sequence with their faces; the first part of its name is the `dataset_key`.

    Only real faces count that are kept, or rejected by an earlier selection alone. Pictures outside of sequences are
    left out.

    Args:
        faces: rows of FACES with FACE_COLUMNS.
        sources: all rows of SOURCES with SOURCE_COLUMNS.
    """
    of_source = {row["source_id"]: row | {"key": dataset_key(row)} for row in sources.to_pylist()}
    found: dict[tuple[str, ...], Frames] = defaultdict(lambda: defaultdict(list))
    for row in faces.filter(_candidates(faces)).to_pylist():
        source = of_source[row["source_id"]]
        if source["kind"] == "video":
            found[source["key"], row["source_id"], str(row["track_id"])][row["frame_index"], ""].append(row)
        elif row["sequence_id"] is not None:
            number = (split_name(source["path"]) or ("", 0))[1]
            found[source["key"], row["sequence_id"]][number, source["path"]].append(row)
    return found


def with_selection(faces: pa.Table, sources: pa.Table, rules: Rules) -> pa.Table:
    """Return faces with the status and reason that rules give; a rejected face has no part in a split.

    Args:
        faces: rows of FACES with FACE_COLUMNS, and with `fold` and `split` or without them.
        sources: all rows of SOURCES with SOURCE_COLUMNS.
        rules: the rules. Faces of other datasets that an earlier selection rejected are kept again.
    """
    candidates = _candidates(faces)
    if not rules and not pc.any(pc.equal(faces["reason"], NOT_SELECTED)).as_py():
        return faces
    ruled = [row["source_id"] for row in sources.to_pylist() if dataset_key(row) in rules]
    # Only these columns, which hold no nested lists, may be filtered by pyarrow.
    own = faces.select(list(FACE_COLUMNS))
    own = own.filter(pc.is_in(own["source_id"], value_set=pa.array(ruled, pa.string())))
    left: list[str] = []
    for (key, *_), frames in sequences_of(own, sources).items():
        order = sorted(frames)
        chosen = set(rules[key].choose(len(order), _apex([frames[frame] for frame in order])))
        left += [row["face_id"] for place, frame in enumerate(order) if place not in chosen for row in frames[frame]]
    unchosen = pc.and_(candidates, pc.is_in(faces["face_id"], value_set=pa.array(left, pa.string())))
    status = pc.if_else(candidates, pc.if_else(unchosen, "rejected", "kept"), faces["status"])
    nothing = pa.scalar(None, pa.string())
    reason = pc.if_else(candidates, pc.if_else(unchosen, NOT_SELECTED, nothing), faces["reason"])
    columns = {"status": status.combine_chunks(), "reason": reason.combine_chunks()}
    for name in {*_PROTOCOL} & set(faces.column_names):
        empty = pa.scalar(None, faces[name].type)
        columns[name] = pc.if_else(pc.equal(status, "kept"), faces[name], empty).combine_chunks()
    return store.replace_columns(faces, columns)


def apply_selection(workspace: Workspace) -> None:
    """Apply the recorded rules to the parts and the manifest; nothing is written if there are none or they hold.

    A record without rules is that of a selection that is being taken back.

    Raises:
        InputError: there is no manifest, or a rule in `fertools.toml` is none.
        StorageError: the disk is full or cannot be written; the same call continues.
    """
    if SECTION not in workspace.settings():
        return
    rules = recorded_rules(workspace)
    faces = store.read_faces(workspace, FACE_COLUMNS)
    decided = with_selection(faces, store.read_sources(workspace, SOURCE_COLUMNS), rules)
    changed = [_update_part(workspace, part, decided) for part in sorted(workspace.parts.glob("*.sources.parquet"))]
    if not any(changed) and decided["status"].equals(faces["status"]):
        return
    store.rebuild(workspace)
    decided = with_selection(
        store.read_faces(workspace, (*FACE_COLUMNS, *_PROTOCOL)), store.read_sources(workspace, SOURCE_COLUMNS), rules
    )
    store.write_columns(workspace.manifest, FACES, {name: decided[name] for name in ("status", "reason", *_PROTOCOL)})


def rebuild_selected(workspace: Workspace, labels_of: Sequence[Workspace] = ()) -> None:
    """Rebuild the manifest from its parts (`store.rebuild`), and apply the recorded rules to it.

    Args:
        workspace: the workspace to rebuild.
        labels_of: other workspaces, from which new faces take their labels.

    Raises:
        SchemaError: a part has another schema version.
        StorageError: the disk is full or cannot be written.
    """
    store.rebuild(workspace, labels_of)
    apply_selection(workspace)


def _update_part(workspace: Workspace, part: Path, decided: pa.Table) -> bool:
    """Write the decisions into a part, with the counts of its sources; return whether it changed."""
    path = store.faces_beside(part)
    names = ("face_id", "status", "reason")
    now = store.read_table(path, FACES, names)
    place = pc.index_in(now["face_id"], value_set=decided["face_id"].combine_chunks())
    columns = {name: pc.take(decided[name], place).combine_chunks() for name in names[1:]}
    if all(now[name].combine_chunks().equals(column) for name, column in columns.items()):
        return False
    faces = store.replace_columns(store.read_table(path, FACES), columns)
    rows = store.read_table(part, SOURCES).to_pylist()
    for row in rows:
        own = nested.keep(faces, pc.equal(faces["source_id"], row["source_id"]))
        if len(own):
            row |= outcome(own) | {"reason": updated_reason(row["reason"], own)}
    store.commit_part(workspace, part.name.removesuffix(".sources.parquet"), faces, SOURCES.table(rows))
    return True


def _candidates(faces: pa.Table) -> pa.ChunkedArray:
    """Return which faces a rule decides about: real ones that nothing but a selection rejects."""
    alone = pc.fill_null(pc.equal(faces["reason"], NOT_SELECTED), False)
    return pc.and_(pc.is_null(faces["parent_id"]), pc.or_(pc.equal(faces["status"], "kept"), alone))


def _apex(frames: Sequence[Sequence[Mapping[str, Any]]]) -> int | None:
    """Return the position of the first frame with the strongest intensity; None if no face has one."""
    strongest = [
        max((row["intensity"] for row in faces if row["intensity"] is not None), default=-1) for faces in frames
    ]
    return int(np.argmax(strongest)) if max(strongest, default=-1) >= 0 else None
