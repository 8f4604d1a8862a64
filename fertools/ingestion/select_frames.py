"""`select`: choose which frames of each sequence take part, without ingesting again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import HtmlFields
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.filter import kept_from
from fertools.ingestion.frame_selection import (
    FACE_COLUMNS,
    NOT_SELECTED,
    SECTION,
    SOURCE_COLUMNS,
    Frames,
    apply_selection,
    recorded_rules,
    sequences_of,
    with_selection,
)
from fertools.ingestion.source_options import dataset_key
from fertools.manifests import store
from fertools.manifests.schema import MODALITIES
from fertools.sources.datasets.frame_rules import ALL, FrameRule


@dataclass(frozen=True)
class SelectOptions:
    """The frames to choose, and the datasets that this is for.

    Attributes:
        frames: `all`, `first:N`, `last:N`, `middle:N`, `every:N`, `apex` or `apex:N`. The apex is the frame with the
            strongest `intensity`, and the last frame where no face of a sequence has one.
        dataset: name of the dataset; None for every dataset of the workspace.
        modality: modality of the sources; None for every modality.

    Raises:
        InputError: a value is invalid.
    """

    frames: str
    dataset: str | None = None
    modality: str | None = None

    def __post_init__(self) -> None:
        FrameRule.parse(self.frames, argument("frames"))
        if self.modality is not None and self.modality not in MODALITIES:
            raise InputError(
                f"{argument('modality')} '{self.modality}' is unknown; choose one of {', '.join(MODALITIES)}"
            )

    @property
    def rule(self) -> FrameRule:
        """The rule that `frames` states."""
        return FrameRule.parse(self.frames, argument("frames"))


@dataclass(frozen=True)
class SelectSummary(HtmlFields):
    """The result of a selection.

    Attributes:
        rules: the rule of each dataset and modality that has one, such as `ck48 (visible): last:3`.
        sequences: number of sequences in the datasets that the call names.
        kept: number of kept faces of the workspace.
        not_selected: number of faces that are rejected only because their frames are not chosen.
        newly_kept: number of kept faces that were rejected before.
        newly_rejected: number of rejected faces that were kept before.
        left_the_split: number of newly rejected faces that had a fold or a part of a hold-out.
    """

    rules: tuple[str, ...]
    sequences: int
    kept: int
    not_selected: int
    newly_kept: int
    newly_rejected: int
    left_the_split: int


def select_frames(workspace: WorkspaceLike, options: SelectOptions, *, dry_run: bool = False) -> SelectSummary:
    """Keep only some frames of each sequence, such as the last three.

    A sequence is a track of a video, or the pictures of a dataset and modality with one `sequence_id`. Its frames are
    those with a face that the filter keeps. Pictures outside of sequences stay. The workspace records the rule, and
    later ingests, filters and merges apply it again. The rule `all` takes a selection back. A rejected face leaves its
    fold.

    Args:
        workspace: workspace of the faces.
        options: the rule, and the datasets that it is for.
        dry_run: only count; change nothing.

    Raises:
        InputError: nothing was ingested here, no source is of that dataset, it has no sequences, no face of it has the
            intensity that `apex` needs, or another command runs here.
        ResumeRefused: a filter was stopped before its end.
        StorageError: the disk is full or cannot be written; the same call continues.
    """
    workspace = Workspace(workspace)
    if "ingest" not in workspace.settings():
        raise InputError(f"nothing was ingested in {workspace.root}; run {calls.INGEST} there first")
    with workspace.locked("a selection"):
        kept_from(workspace)  # which refuses a workspace whose filter was stopped
        faces = store.read_faces(workspace, (*FACE_COLUMNS, "fold", "split"))
        sources = store.read_sources(workspace, SOURCE_COLUMNS)
        keys = _named(workspace, sources.to_pylist(), options)
        sequences = {name: frames for name, frames in sequences_of(faces, sources).items() if name[0] in keys}
        if options.rule != ALL:
            _refuse_impossible(options.rule, keys, sequences)
        rules = {key: rule for key, rule in recorded_rules(workspace).items() if key not in keys}
        rules |= {} if options.rule == ALL else dict.fromkeys(keys, options.rule)
        if not dry_run:
            # It is recorded first, so that the next command completes a selection that is stopped.
            workspace.save_settings(SECTION, {key: str(rules[key]) for key in sorted(rules)})
            apply_selection(workspace)
            if not rules:
                workspace.drop_settings(SECTION)
    after = with_selection(faces, sources, rules)
    was, now = (np.asarray(pc.equal(table["status"], "kept").to_numpy()) for table in (faces, after))
    split = np.asarray(pc.or_(pc.is_valid(faces["fold"]), pc.is_valid(faces["split"])).to_numpy())
    return SelectSummary(
        rules=tuple(f"{key}: {rules[key]}" for key in sorted(rules)),
        sequences=len(sequences),
        kept=int(now.sum()),
        not_selected=after["reason"].to_pylist().count(NOT_SELECTED),
        newly_kept=int((now & ~was).sum()),
        newly_rejected=int((was & ~now).sum()),
        left_the_split=int((was & ~now & split).sum()),
    )


def _named(workspace: Workspace, sources: Sequence[Mapping[str, Any]], options: SelectOptions) -> list[str]:
    """Return the keys of the datasets and modalities that the options mean.

    Raises:
        InputError: no source is of that dataset and modality.
    """
    keys = {
        dataset_key(row)
        for row in sources
        if options.dataset in (None, row["dataset"]) and options.modality in (None, row["modality"])
    }
    if not keys:
        wanted = f"{options.dataset or 'any dataset'} ({options.modality or 'any modality'})"
        known = ", ".join(sorted(set(map(dataset_key, sources)))) or "none"
        raise InputError(
            f"no source in {workspace.root} is of {wanted}; name one of these with {argument('dataset')}: {known}"
        )
    return sorted(keys)


def _refuse_impossible(rule: FrameRule, keys: Sequence[str], sequences: Mapping[tuple[str, ...], Frames]) -> None:
    """Raise InputError if there is no sequence to choose frames of, or no intensity where a rule needs one."""
    names = ", ".join(keys)
    if not sequences:
        raise InputError(
            f"no kept face of {names} is in a sequence, so {argument('frames')} {rule} chooses nothing; give sequences "
            f"with {argument('sequence_from')} at ingest, or import a table with a sequence_id column"
        )
    if rule.kind == "apex" and not any(_has_intensity(frames.values()) for frames in sequences.values()):
        raise InputError(
            f"no kept face of {names} has an intensity, so its apex is unknown; import a table with an intensity "
            f"column, or give {argument('frames')} last:{rule.count}"
        )


def _has_intensity(frames: Iterable[Sequence[Mapping[str, Any]]]) -> bool:
    return any(row["intensity"] is not None for faces in frames for row in faces)
