"""`filter`: decide again which faces are kept, without detecting them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.arguments import argument, given
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.detection.min_face import MinFace
from fertools.faces.quality import STANDARDS
from fertools.ingestion.extract import outcome
from fertools.ingestion.face_filter import FaceFilter
from fertools.ingestion.frame_selection import (
    FACE_COLUMNS,
    SOURCE_COLUMNS,
    apply_selection,
    recorded_rules,
    with_selection,
)
from fertools.ingestion.plan import Source
from fertools.ingestion.postprocessing import postprocess, updated_reason
from fertools.ingestion.record import score_levels_in
from fertools.ingestion.source_options import crop_datasets, dataset_key, one_face_datasets
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES, SOURCES

SECTION = "filter"
"""Section of `fertools.toml`: the smallest kept face, and all conditions of a filter that was stopped."""

_SUBJECT = ("subject_id", "subject_origin")
_DECIDED = ("status", "reason", *_SUBJECT)
_CHANGED = (*_DECIDED, "fold", "split")


@dataclass(frozen=True)
class FilterOptions:
    """Which faces to keep. A value of None leaves the condition unchanged.

    Attributes:
        quality: `keep-all`, `standard` or `strict`.
        min_face: smallest face, in pixels or as a `MinFace`.
        max_faces: maximum number of faces per frame, largest first; 0 for any number.

    Raises:
        InputError: a value is out of range.
    """

    quality: str | None = None
    min_face: float | MinFace | None = None
    max_faces: int | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and self.quality not in STANDARDS:
            raise InputError(f"{argument('quality')} '{self.quality}' is unknown; choose one of {', '.join(STANDARDS)}")
        if self.min_face is not None:
            MinFace.of(self.min_face)
        if self.max_faces is not None and self.max_faces < 0:
            raise InputError(f"{argument('max_faces')} is {self.max_faces}; give 1 or more, or 0 for any number")


@dataclass(frozen=True)
class FilterSummary(HtmlFields):
    """The result of a filter.

    Attributes:
        kept: number of kept faces.
        rejected: number of rejected faces by reason.
        newly_kept: number of kept faces that were rejected before.
        newly_rejected: number of rejected faces that were kept before.
        left_the_split: number of newly rejected faces that had a fold or a part of a hold-out.
    """

    kept: int
    rejected: dict[str, int]
    newly_kept: int
    newly_rejected: int
    left_the_split: int


def kept_from(workspace: Workspace) -> MinFace | None:
    """Return the smallest kept face if a filter set one; None if `--min-face` of the ingest applies.

    Raises:
        ResumeRefused: a filter was stopped before its end.
    """
    record = workspace.settings().get(SECTION)
    if record is None:
        return None
    if not record["finished"]:
        raise ResumeRefused(f"a filter of {workspace.root} was stopped before its end; run {calls.FILTER} again")
    return MinFace.parse(record["min_face"]) if record.get("min_face") else None


def filter_faces(
    workspace: WorkspaceLike,
    options: FilterOptions | None = None,
    report: Reporter | None = None,
    *,
    dry_run: bool = False,
) -> FilterSummary:
    """Apply `--quality`, `--min-face` and `--max-faces` again to every face that an ingest found.

    The manifest has a row for every detected face, including the rejected ones, with all measures that the decision
    needs. Labels do not change. A rejected face leaves its fold. A face that is kept again has no fold until the next
    split. Recorded frame selections (`select_frames`) are applied again.

    Args:
        workspace: workspace of the faces.
        options: conditions to change; None applies those of the ingest.
        report: receives the progress.
        dry_run: only count; change nothing.

    Raises:
        InputError: nothing was ingested here, the wanted faces are smaller than the search, or another command runs
            here.
        StorageError: the disk is full or cannot be written; the same call continues.
    """
    workspace = Workspace(workspace)
    options, report = options or FilterOptions(), report or Silent()
    ingested = workspace.settings().get("ingest")
    if ingested is None:
        raise InputError(f"nothing was ingested in {workspace.root}; run {calls.INGEST} there first")
    with workspace.locked("a filter"):
        are_crops, one_face = crop_datasets(workspace), one_face_datasets(workspace)
        rule = _resolved(
            ingested,
            workspace.settings().get(SECTION, {}),
            options,
            searched=False in are_crops.values() or not are_crops,
        )
        searched, crops = (
            FaceFilter(
                rule["quality"],
                MinFace.parse(least) if least else None,
                rule["max_faces"] or None,
                score_levels_in(ingested),
            )
            # No search set a minimum size for face crops.
            for least in (rule["min_face"] or ingested["min_face"], rule["min_face"])
        )

        def rule_of(row: dict[str, Any]) -> FaceFilter:
            key = dataset_key(row)
            own = crops if are_crops.get(key, False) else searched
            return replace(own, max_faces=1) if one_face.get(key, False) else own

        before = store.read_faces(workspace, tuple({*FACE_COLUMNS, *_CHANGED}))
        if not dry_run:
            workspace.save_settings(SECTION, {**rule, "finished": False})
        parts = sorted(workspace.parts.glob("*.sources.parquet"))
        report.start(len(parts))
        old, new = [], []
        for done, part in enumerate(parts, start=1):
            path = store.faces_beside(part)
            faces, sources = store.read_table(path, FACES), store.read_table(part, SOURCES)
            decided, rows = _decide(faces, sources, rule_of)
            old.append(faces.select(["face_id", *_SUBJECT]))
            new.append(decided.select(["face_id", *_DECIDED]))
            if not dry_run:
                store.commit_part(workspace, part.name.removesuffix(".sources.parquet"), decided, rows)
            report.advance(done)
        after = _changed(before, pa.concat_tables(old), pa.concat_tables(new))
        after = with_selection(after, store.read_sources(workspace, SOURCE_COLUMNS), recorded_rules(workspace))
        if not dry_run:
            store.rebuild(workspace)
            faces = store.read_faces(workspace, ("face_id", *_CHANGED))
            faces = _changed(faces, pa.concat_tables(old), pa.concat_tables(new))
            store.write_columns(workspace.manifest, FACES, {name: faces[name] for name in _CHANGED})
            apply_selection(workspace)
            record = {"quality": rule["quality"], "max_faces": rule["max_faces"] or None}
            workspace.save_settings("ingest", ingested | record)
            workspace.save_settings(SECTION, {"min_face": rule["min_face"], "finished": True})
    return _summarise(before, after)


def _resolved(
    ingested: dict[str, Any], before: dict[str, Any], options: FilterOptions, *, searched: bool
) -> dict[str, Any]:
    """Return the conditions: the given ones, else those of an earlier filter, else those of the ingest.

    Args:
        ingested: the workspace's record of its ingest.
        before: the workspace's record of an earlier filter.
        options: the given conditions.
        searched: whether any source was searched for faces, and is not a face crop itself.
    """
    searched_from = ingested["min_face"] if searched else None
    rule = {
        "quality": options.quality or before.get("quality") or ingested["quality"],
        "min_face": str(MinFace.of(options.min_face)) if options.min_face is not None else before.get("min_face"),
        "max_faces": options.max_faces,
    }
    if options.max_faces is None:
        rule["max_faces"] = before.get("max_faces", ingested.get("max_faces"))
    if options.min_face is not None and searched_from:
        least, wanted = MinFace.parse(searched_from), MinFace.of(options.min_face)
        if (wanted.px or 0) < (least.px or 0) or (wanted.share or 1) < (least.share or 0):
            raise InputError(
                f"faces were looked for from {searched_from}, and {argument('min_face')} {wanted} is smaller; "
                f"ingest again with {given('overwrite', True)} and {argument('min_face')} {wanted}"
            )
    return rule


def _decide(
    faces: pa.Table, sources: pa.Table, filter_of: Callable[[dict[str, Any]], FaceFilter]
) -> tuple[pa.Table, pa.Table]:
    """Return the faces of a part after deciding again, and its sources with the new counts."""
    decided, rows = [FACES.arrow.empty_table()], []
    for row in sources.to_pylist():
        own = nested.keep(faces, pc.equal(faces["source_id"], row["source_id"]))
        if len(own):
            own = _with_given_subjects(own, postprocess(_source(row), own, filter_of(row)), row)
            row |= outcome(own) | {"reason": updated_reason(row["reason"], own)}
            decided.append(own)
        rows.append(row)
    return pa.concat_tables(decided), SOURCES.table(rows)


def _with_given_subjects(before: pa.Table, after: pa.Table, row: dict[str, Any]) -> pa.Table:
    """Return faces with the subjects that boxes of a table gave them, because the path of the source names none."""
    if row["subject_id"] is not None:
        return after
    given = pc.fill_null(pc.equal(before["subject_origin"], "dataset"), False)
    columns = {name: pc.if_else(given, before[name], after[name]) for name in _SUBJECT}
    return store.replace_columns(after, columns)


def _source(row: dict[str, Any]) -> Source:
    return Source(
        source_id=row["source_id"],
        path=Path(row["path"]),
        name=row["path"],
        kind=row["kind"],
        **{name: row[name] for name in ("dataset", *_SUBJECT, "emotion", "emotion_origin")},
    )


def _changed(faces: pa.Table, old: pa.Table, new: pa.Table) -> pa.Table:
    """Return the manifest with the new decisions and subjects; a rejected face leaves its split.

    A subject that a table or a person set later differs from the part, and does not change.
    """
    place = pc.index_in(faces["face_id"], value_set=new["face_id"].combine_chunks())
    real = pc.is_valid(place)
    columns = {
        name: pc.if_else(real, pc.take(new[name], place), faces[name]).combine_chunks() for name in ("status", "reason")
    }
    said = pc.take(old["subject_id"], place)
    same = pc.or_(pc.fill_null(pc.equal(said, faces["subject_id"]), False), pc.is_null(faces["subject_id"]))
    for name in _SUBJECT:
        follows = pc.and_(real, same)
        columns[name] = pc.if_else(follows, pc.take(new[name], place), faces[name]).combine_chunks()
    kept = pc.equal(columns["status"], "kept")
    for name in ("fold", "split"):
        columns[name] = pc.if_else(kept, faces[name], pa.scalar(None, faces[name].type)).combine_chunks()
    return store.replace_columns(faces, columns)


def _summarise(before: pa.Table, after: pa.Table) -> FilterSummary:
    was, now = (np.asarray(pc.equal(table["status"], "kept").to_numpy()) for table in (before, after))
    split = np.asarray(pc.or_(pc.is_valid(before["fold"]), pc.is_valid(before["split"])).to_numpy())
    return FilterSummary(
        kept=int(now.sum()),
        rejected=dict(Counter(after["reason"].drop_null().to_pylist()).most_common()),
        newly_kept=int((now & ~was).sum()),
        newly_rejected=int((was & ~now).sum()),
        left_the_split=int((was & ~now & split).sum()),
    )
