"""`ingest`: build a manifest from folders of videos and pictures.

The manifest is the union of committed parts. A part holds one video or some pictures. If a run is stopped or killed at
any moment, the same call continues it and repeats nothing that was committed. The manifest of a broken and continued
run equals that of an unbroken run byte for byte.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls, files, products
from fertools.core.arguments import argument, either, given
from fertools.core.device import choose_device
from fertools.core.errors import FertoolsError, InputError, StorageError
from fertools.core.hashing import hash_bytes
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.detection.registry import load_detector
from fertools.ingestion.dataset_sources import (
    dataset_options,
    find_dataset,
    note_dataset,
    save_dataset,
    write_pictures,
)
from fertools.ingestion.detection_cache import drop_caches
from fertools.ingestion.engines.base import Engine, choose_engine, commit
from fertools.ingestion.extract import Extracted, source_row
from fertools.ingestion.filter import kept_from
from fertools.ingestion.forgotten import ForgottenFiles
from fertools.ingestion.frame_selection import rebuild_selected
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.overwrite import remove_output
from fertools.ingestion.pipeline import Step, step_names
from fertools.ingestion.plan import Plan, dataset_of, make_plan
from fertools.ingestion.record import record_of, refuse_other_options
from fertools.ingestion.shards import SECTION, shard_folders
from fertools.ingestion.source_options import SECTION as SOURCES
from fertools.ingestion.source_options import describe_source_options
from fertools.ingestion.steps import default_steps
from fertools.ingestion.votes import votes_path, write_votes
from fertools.ingestion.workload import Done, Workload
from fertools.manifests import store
from fertools.manifests.tombstones import add_tombstones, read_tombstones
from fertools.sources.archives.opened import local_file
from fertools.sources.discovery import SourceFile, discover
from fertools.sources.images import is_wide
from fertools.sources.label_columns import LabelColumns, RowReader
from fertools.sources.label_table import label_files, read_label_table
from fertools.sources.naming import NamingRules
from fertools.sources.points import read_points
from fertools.sources.videos import is_wide_video

_log = logging.getLogger(__name__)

_GONE_NAMED = 10
"""Maximum number of missing sources that are reported on lines of their own; a whole disk can be missing."""


@dataclass(frozen=True)
class IngestSummary(HtmlFields):
    """The content of a workspace after an ingest, and the work of this run.

    Attributes:
        sources: number of sources by status.
        new_sources: number of sources that this run worked on.
        given: number of files that this run was given; each is one of the sources.
        frames: total number of searched frames.
        detected: number of detected faces, kept and rejected, as the sources count them; without interpolated faces.
        interpolated: number of interpolated faces, which the detector missed for a moment within a track.
        faces_kept: number of faces that take part in splits and training.
        faces_rejected: number of the other faces by reason.
        subjects: number of subjects among the kept faces.
        emotions: number of kept faces by label; `None` counts those without a label.
        failures: name and reason of each failed source.
        passed_over: number of given files that are no sources, by what they are.
        gone: names of sources whose files are missing now; their rows and crops stay.
    """

    sources: dict[str, int]
    new_sources: int
    given: int
    frames: int
    detected: int
    interpolated: int
    faces_kept: int
    faces_rejected: dict[str, int]
    subjects: int
    emotions: dict[str | None, int]
    failures: tuple[tuple[str, str], ...]
    passed_over: dict[str, int] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


def ingest(
    inputs: Path | str | Sequence[Path | str],
    workspace: WorkspaceLike = ".",
    options: IngestOptions | None = None,
    report: Reporter | None = None,
    *,
    steps: Sequence[Step] | None = None,
) -> IngestSummary:
    """Find, align and record every face in `inputs`; continue an earlier run that stopped.

    Args:
        inputs: folders, searched to any depth, and files: one path, or several.
        workspace: workspace for the manifest and the crops. With `options.shard`, a workspace below it is used.
        options: options of the ingest; None for the defaults.
        report: receives the progress and each failed source.
        steps: steps of the pipeline, such as a changed list of `fertools.ingestion.steps.default_steps`; None for that
            list. The workspace records the names of the steps, and a rerun with other steps is refused.

    Returns:
        The totals, with the failed sources. The sources table has the reason of each failure.

    Raises:
        InputError: there is nothing to read, the table of labels is wrong, an option is invalid, or another command
            runs here.
        ResumeRefused: this workspace was ingested with other options or weights, or a file has changed.
        StorageError: the disk is full or cannot be written; everything committed is safe.
    """
    workspace = Workspace(workspace)
    paths = [Path(path) for path in ([inputs] if isinstance(inputs, Path | str) else inputs)]
    options, report = options or IngestOptions(), report or Silent()
    own = (workspace.crops, workspace.manifest.parent, workspace.root / "training", workspace.root / "annotations")
    shard = options.own_shard
    beside = [*own, *shard_folders(workspace, shard.count if shard else 0)]
    dataset = find_dataset(workspace, paths, options, beside)
    options = dataset_options(options, dataset) if dataset else options
    usual = default_steps(options)
    steps = usual if steps is None else steps
    changed = step_names(steps) if step_names(steps) != step_names(usual) else []
    lexicon = load_lexicon(workspace.root)
    rules = NamingRules(lexicon, options.subject_from, options.emotion_from, options.sequence_from)
    engine = choose_engine(options.engine)
    # A cluster may have other devices than this machine; its workers compare their engine with the recorded one.
    device = choose_device(options.device) if options.engine == "local" else options.device
    detector = load_detector(options.detector, options.detector_options("cpu" if device == "auto" else device))
    if dataset is None:
        labels = RowReader(options.columns or LabelColumns(), rules.lexicon, "import:")
        discovery = discover(
            paths, home=workspace.root, beside=beside, may_be_none=workspace.sources.is_file(), labels=labels
        )
    else:
        discovery = dataset.discovery
    if options.table is not None:
        discovery = label_files(discovery, read_label_table(options.table, rules.lexicon, options.columns))
    found: Sequence[SourceFile] = discovery.files
    _refuse_foreign_points(options, found)
    _refuse_lost_range(options, [file for file in found if (file.modality or options.modality) == "thermal"])
    whole, everything = workspace, found
    if shard is not None:
        workspace, found = shard.place(whole), shard.of(everything)
    open_for_writing(workspace)
    with workspace.locked("ingest"):
        if options.overwrite:
            remove_output(workspace)
        refuse_other_options(workspace, options, detector, changed)
        keys = {(dataset_of(file, options), file.modality or options.modality) for file in found}
        described = describe_source_options(workspace, options, keys, dataset.recorded if dataset else None)
        options = replace(options, kept_from=kept_from(workspace))
        files.remove_unfinished(workspace.crops)
        if options.retry_failed:
            store.forget_failed(workspace)
        for folder in discovery.workspaces:
            report.note(f"passed over: {folder} is a workspace of its own; give it by itself to read its videos")
        _note_some(discovery.remarks, "members of archives", report)
        if dataset is not None:
            write_pictures(dataset)
        note_dataset(workspace, dataset, options, report)
        record = record_of(workspace, options, detector, changed)
        # The workers, and a later merge, read the tombstones of a share.
        tombstones = add_tombstones(workspace, read_tombstones(whole))
        plan = make_plan(workspace, found, rules, options, report, ForgottenFiles(tombstones, record, described))
        found = [file for file in found if file.path not in plan.forgotten]
        if dataset is not None:
            save_dataset(workspace, dataset, options.dataset or dataset.descriptor.name, plan.forgotten)
        drop_caches(workspace.parts, keep={item.name for item in plan.items})
        workspace.save_settings("ingest", record)
        workspace.save_settings(SOURCES, described)
        if detector.remark and options.engine == "local" and not options.crops:
            report.note(detector.remark)
        if shard is not None:
            workspace.save_settings(SECTION, shard.record(whole, everything, finished=False))
        try:
            new = _carry_out(workspace, plan, options, steps, engine, device, report)
        finally:
            # A stopped run leaves a complete manifest of its committed parts.
            rebuild_selected(workspace)
        if voted := write_votes(workspace, found):
            report.note(f"votes: {voted:,} faces have votes in {votes_path(workspace)}, the soft labels of training")
        if shard is not None:
            workspace.save_settings(SECTION, shard.record(whole, everything, finished=True))
    _note_unseen(workspace, found, options, report)
    summary = summarise(workspace, new, [workspace.name_of(file.path) for file in found])
    return replace(summary, passed_over=discovery.passed_over, gone=plan.gone)


def summarise(workspace: Workspace, new_sources: int = 0, given: Collection[str] = ()) -> IngestSummary:
    """Return the totals of `workspace`.

    Args:
        workspace: workspace to count.
        new_sources: number of sources that this run worked on.
        given: names of the files that this run was given.

    Raises:
        FertoolsError: the totals do not balance: a given file is no source, or no source counts a face. That is a bug,
            or another program changed a table.
    """
    faces = store.read_faces(workspace, ("status", "reason", "subject_id", "emotion", "parent_id", "interpolated"))
    columns = ("path", "status", "reason", "frames_searched", "faces_kept", "faces_rejected", "faces_interpolated")
    sources = store.read_sources(workspace, columns)
    kept = faces.filter(pc.equal(faces["status"], "kept"))
    counted, interpolated = (
        sum(pc.sum(sources[name]).as_py() or 0 for name in names)
        for names in (("faces_kept", "faces_rejected"), ("faces_interpolated",))
    )
    real = pc.sum(pc.is_null(faces["parent_id"])).as_py() or 0
    between = pc.sum(faces["interpolated"]).as_py() or 0
    lost = len(set(given).difference(sources["path"].to_pylist())) if given else 0
    if lost or (counted, interpolated) != (real, between):
        raise FertoolsError(
            f"the totals of {workspace.root} do not balance: {lost} given files are in no row of the sources table, "
            f"and the sources count {counted} faces, {interpolated} of them interpolated, where the manifest has "
            f"{real} and {between}; see {calls.VALIDATE}"
        )
    failed = sources.filter(pc.equal(sources["status"], "failed"))
    return IngestSummary(
        sources=_count(sources["status"]),
        new_sources=new_sources,
        given=len(given),
        frames=pc.sum(sources["frames_searched"]).as_py() or 0,
        detected=counted - interpolated,
        interpolated=interpolated,
        faces_kept=len(kept),
        faces_rejected=_count(faces["reason"].drop_null()),
        subjects=pc.count_distinct(kept["subject_id"]).as_py(),
        emotions=_count(kept["emotion"]),
        failures=tuple(zip(failed["path"].to_pylist(), failed["reason"].to_pylist(), strict=True)),
    )


def _count(column: pa.ChunkedArray) -> dict[Any, int]:
    """Return the number of occurrences of each value of a column."""
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(column).to_pylist()}


def _carry_out(
    workspace: Workspace,
    plan: Plan,
    options: IngestOptions,
    steps: Sequence[Step],
    engine: Engine,
    device: str,
    report: Reporter,
) -> int:
    total = len(plan.resolved) + sum(len(item.sources) for item in plan.items)
    report.start(total)
    report.beside("")
    if plan.before:
        report.note(f"{plan.before} files were done before; {total} to do")
    _note_gone(plan, report)
    for remark in plan.remarks:
        report.note(remark)
    done = 0
    counts = {"frames": 0, "faces": 0}
    workload = Workload.of(plan.items)
    if plan.resolved:
        name = hash_bytes(*(source.source_id.encode() for source in plan.resolved))
        commit(workspace, name, [Extracted(source_row(source, options)) for source in plan.resolved])
        done = len(plan.resolved)
        for source in plan.resolved:
            report.note(f"{source.status}: {source.name}: {source.reason}")

    def watch(reached: Done) -> None:
        counts.update(frames=reached.frames, faces=reached.faces)
        if (share := workload.share(reached)) is not None:
            report.reach(share)
        report.advance(done, **counts)

    # An error here closes the engine at once, so no worker runs while the manifest is rebuilt.
    with closing(engine(workspace, options, steps, device, plan.items, watch)) as finished:
        for outcomes in finished:
            done += len(outcomes)
            for outcome in outcomes:
                if outcome.reason is not None:
                    report.note(f"{outcome.status}: {outcome.name}: {outcome.reason}")
                if outcome.trace is not None:
                    _log.debug("%s: %s", outcome.name, outcome.trace)
            report.advance(done, **counts)
    return done


def _note_gone(plan: Plan, report: Reporter) -> None:
    for name in plan.gone[:_GONE_NAMED]:
        report.note(f"gone: {name}: it was ingested before and is no longer there; its rows and crops stay")
    if (more := len(plan.gone) - _GONE_NAMED) > 0:
        report.note(f"gone: {more:,} more; the summary names all of them")


def _note_some(remarks: Sequence[str], what: str, report: Reporter) -> None:
    for remark in remarks[:_GONE_NAMED]:
        report.note(remark)
    if (more := len(remarks) - _GONE_NAMED) > 0:
        report.note(f"and {more:,} more {what}")


def _refuse_foreign_points(options: IngestOptions, found: Sequence[SourceFile]) -> None:
    """Raise InputError if a landmark table has none of the files, because then its paths are most likely wrong."""
    if options.landmarks is not None:
        points = read_points(options.landmarks).points
        if not any(file.path.resolve() in points for file in found):
            raise InputError(
                f"{options.landmarks} has points for none of the given files; write their paths in it absolute, "
                f"or relative to the folder that the table is in"
            )


def _refuse_lost_range(options: IngestOptions, found: Sequence[SourceFile]) -> None:
    """Raise InputError for thermal sources of more than 8 bits without a range, which would become almost one grey."""
    if options.grey_range is not None:
        return
    if wide := next((file.path for file in found if _is_wide_source(file)), None):
        raise InputError(
            f"{wide} has more than 8 bits per pixel; give {argument('grey_range')} "
            f"{either('GreyRange(LOW, HIGH)', 'LOW,HIGH')}, the stored values that become black and white in the whole "
            f"dataset, or {argument('grey_range')} {either('GreyRange()', 'image')} for those of each picture or frame"
        )


def _is_wide_source(file: SourceFile) -> bool:
    with local_file(file.path) as path:
        return is_wide(path) if file.kind == "image" else is_wide_video(path)


def _note_unseen(workspace: Workspace, found: Sequence[SourceFile], options: IngestOptions, report: Reporter) -> None:
    """Say that a detector found no face in any of the given thermal files."""
    if options.modality != "thermal" or options.crops or not found:
        return
    names = {workspace.name_of(file.path) for file in found}
    sources = store.read_sources(workspace, ("path", "faces_kept", "faces_rejected")).to_pylist()
    if not any(row["faces_kept"] or row["faces_rejected"] for row in sources if row["path"] in names):
        report.note(
            f"the detector {options.detector} found no face in {len(names):,} thermal files, because it is made for "
            f"visible light; cut the faces out and ingest the crops with {given('crops', True)}"
        )


def open_for_writing(workspace: Workspace) -> None:
    """Create the folder of the manifest.

    Raises:
        StorageError: the folder cannot be created or written.
    """
    folder = workspace.manifest.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the dataset cannot be made in {workspace.root} ({error.strerror}); choose another place with "
            f"{argument('workspace')}"
        ) from error
    if not os.access(folder, os.W_OK):
        raise StorageError(f"{folder} cannot be written; allow it or choose another place with {argument('workspace')}")
    products.mark(workspace.crops)
