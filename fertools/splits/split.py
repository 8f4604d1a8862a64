"""Split the dataset into subject-independent folds, one fold per subject, or a hold-out.

Faces that may belong to one person stay together (`fertools.splits.groups`). Folds have similar sizes and classes
(`fertools.splits.folds`). Independent code (`fertools.manifests.leaks`) searches the result for leaks before it is
written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.arguments import argument, given
from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.notebook import html_table
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import nested, store
from fertools.manifests.change import changing
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.characters import assign_beside, find_characters
from fertools.splits.folds import Floats, Integers, assign_groups, confined_classes, imbalance
from fertools.splits.groups import group_faces
from fertools.splits.protocol import GroupBy, SplitOptions, describe_difference

SECTION = "split"
"""Section of `fertools.toml` with the record of the split."""
_MEMBERSHIP = ("face_id", "source_id", "subject_id", "subject_origin", "parent_id", "pair_id", "modality")
"""Columns that determine the groups; a change in one of them invalidates an existing split."""
_SEQUENCE = ("dataset", "sequence_id")
"""Further such columns of a manifest with sequences; splits of others were recorded without them."""
_HOLDOUT_PARTS = ("train", "test")


@dataclass(frozen=True)
class PartSummary:
    """Counts of one fold, or of one part of a hold-out.

    Attributes:
        name: number of the fold, or `train` or `test`.
        faces: number of kept faces.
        subjects: number of distinct subjects.
        emotions: number of faces per expression: the seven in order, then other labels.
    """

    name: str
    faces: int
    subjects: int
    emotions: dict[str, int]


@dataclass(frozen=True)
class SplitSummary:
    """The result of a split.

    Attributes:
        protocol: `folds`, `loso` or `holdout`.
        parts: the folds in order, or train and test.
        faces: number of kept faces.
        subjects: number of distinct subjects.
        groups: number of groups of subjects that may be one person.
        imbalance: deviation of the people from the ideal split, see `fertools.splits.folds.imbalance`; 0 is perfect.
        warnings: sentences about limits of this split.
        changed: whether the manifest changed; False if it already had the same split.
    """

    protocol: str
    parts: tuple[PartSummary, ...]
    faces: int
    subjects: int
    groups: int
    imbalance: float
    warnings: tuple[str, ...]
    changed: bool

    def _repr_html_(self) -> str:
        labels = list(dict.fromkeys(label for part in self.parts for label in part.emotions))
        rows = (
            (part.name, part.faces, part.subjects, *(part.emotions.get(label, 0) for label in labels))
            for part in self.parts
        )
        return html_table(
            f"{self.faces:,} faces in {self.groups:,} groups", ("part", "faces", "subjects", *labels), rows
        )


def split(
    workspace: WorkspaceLike,
    *,
    folds: int | None = None,
    loso: bool = False,
    holdout: float | None = None,
    group_by: GroupBy = SplitOptions.group_by,
    seed: int = SplitOptions.seed,
    overwrite: bool = False,
) -> SplitSummary:
    """Split the kept faces of a dataset and write each face's fold or hold-out part into the manifest.

    The result depends on the faces, their subjects and labels, and the options, but not on the order of rows. Repeating
    a call changes nothing.

    Args:
        workspace: the workspace of the manifest.
        folds: number of cross-validation folds, 2 or more. Give exactly one of `folds`, `loso` and `holdout`.
        loso: leave one subject out: one fold per group of subjects.
        holdout: share of the faces to hold out for testing, between 0 and 1.
        group_by: what a split never separates: a `subject`, or also all faces of a `source`.
        seed: breaks ties between equally good splits.
        overwrite: replace a split made with other options or for other faces.

    Raises:
        InputError: the protocol is impossible: there are too few groups, a face has no subject, or a fold would leave
            no training face of a class.
        ResumeRefused: the manifest has another split, or the faces have changed since.
        CheckFailed: the finished split has a leak.
    """
    workspace = Workspace(workspace)
    options = SplitOptions(folds=folds, loso=loso, holdout=holdout, seed=seed, group_by=group_by)
    with changing(workspace, "a split") as faces:
        kept = nested.keep(faces, pc.equal(faces["status"], "kept"))
        _refuse_too_little(workspace, kept)
        membership = _MEMBERSHIP + (_SEQUENCE if kept["sequence_id"].null_count < len(kept) else ())
        record = options.record() | {"faces": len(kept), "membership": store.fingerprint(kept, membership)}
        done = _done_already(workspace, kept, record, overwrite=overwrite)
        groups, names = group_faces(kept, options.group_by)
        counts, classes = count_classes(kept, groups, len(names))
        characters = find_characters(kept, groups, len(names))
        people = ~characters
        shares = _shares(options, int(people.sum()), nested.keep(kept, pa.array(people[groups])))
        parts = _parts_of(kept, options) if done else _assign(options, counts, shares, characters)[groups]
        parts_of_groups = np.zeros(len(names), np.int64)
        parts_of_groups[groups] = parts
        warnings = refuse_lost_classes(options, counts[people], classes, parts_of_groups[people], len(shares))
        finished = _with_parts(kept, parts, options)
        if leaks := find_leaks(finished, by_source=options.group_by == "source"):
            raise CheckFailed(
                f"the split has {len(leaks)} leaks, the first: {leaks[0]}; split again with {given('overwrite', True)}"
            )
        if not done:
            record["assignment"] = store.fingerprint(finished, ("face_id", "fold", "split"))
            workspace.save_settings(SECTION, record)
            store.write_table(workspace.manifest, FACES, _with_parts_of(faces, finished))
        return SplitSummary(
            protocol=options.protocol,
            parts=_summarise(finished, parts, options, len(shares)),
            faces=len(kept),
            subjects=pc.count_distinct(kept["subject_id"]).as_py(),
            groups=len(names),
            imbalance=imbalance(counts[people], shares, parts_of_groups[people]),
            warnings=tuple(warnings),
            changed=not done,
        )


def _refuse_too_little(workspace: Workspace, kept: pa.Table) -> None:
    if not len(kept):
        raise InputError(
            f"{workspace.manifest} has no kept faces to split; ingest more, or keep more faces with {calls.FILTER}"
        )
    labels = pc.unique(kept["emotion"].drop_null()).to_pylist()
    if len(labels) == 1:
        raise InputError(
            f"every labelled face is {labels[0]}, so there is nothing to classify; add faces of another emotion, or "
            "correct the labels"
        )


def _done_already(workspace: Workspace, kept: pa.Table, record: dict[str, Any], *, overwrite: bool) -> bool:
    """Return whether the manifest already has the split of `record`; raise if it has another one."""
    old = workspace.settings().get(SECTION)
    assigned = kept["fold"].null_count < len(kept) or kept["split"].null_count < len(kept)
    if old is None:
        if assigned and not overwrite:
            raise ResumeRefused(
                f"the manifest has folds that fertools did not create; replace them with {given('overwrite', True)}"
            )
        return False
    intact = old.get("assignment") == store.fingerprint(kept, ("face_id", "fold", "split"))
    if intact and {name: value for name, value in old.items() if name != "assignment"} == record:
        return True
    if overwrite or not assigned:
        return False
    raise ResumeRefused(
        f"{describe_difference(old, record)}; use the same options, or replace the split with "
        f"{given('overwrite', True)}"
    )


def count_classes(kept: pa.Table, groups: Integers, group_count: int) -> tuple[Integers, list[str]]:
    """Return G x (C + 1) face counts, the last column for faces without a label, and the C labels.

    Args:
        kept: N rows of faces.
        groups: N group numbers.
        group_count: G, the number of groups.
    """
    present = set(pc.unique(kept["emotion"].drop_null()).to_pylist())
    classes = [label for label in EMOTIONS if label in present] + sorted(present - set(EMOTIONS))
    column = pc.fill_null(pc.index_in(kept["emotion"], value_set=pa.array(classes, pa.string())), len(classes))
    counts = np.zeros((group_count, len(classes) + 1), np.int64)
    np.add.at(counts, (groups, column.to_numpy()), 1)
    return counts, classes


def _shares(options: SplitOptions, group_count: int, kept: pa.Table) -> Floats:
    """Return the wanted share of faces in each part; raise if there are more parts than groups."""
    if options.holdout is not None:
        shares = np.array([1 - options.holdout, options.holdout])
    else:
        fold_count = group_count if options.folds is None else options.folds
        shares = np.full(fold_count, 1 / max(1, fold_count))
    if group_count < max(2, len(shares)):
        subjects = pc.count_distinct(kept["subject_id"]).as_py()
        known = _plural(group_count, "subject")
        if group_count != subjects:
            known = (
                f"{_plural(group_count, 'group')} of subjects that are surely different people (of {subjects} subjects)"
            )
        remedy = (
            f"give {argument('folds')} {group_count} or fewer, or add people"
            if group_count > 1
            else "add people, or give subjects"
        )
        raise InputError(f"{max(2, len(shares))} split parts need as many people, but there {known}; {remedy}")
    return shares


def _plural(count: int, noun: str) -> str:
    return f"is 1 {noun}" if count == 1 else f"are {count} {noun}s"


def _groups(count: int) -> str:
    return "1 group" if count == 1 else f"{count} groups"


def _assign(options: SplitOptions, counts: Integers, shares: Floats, characters: npt.NDArray[np.bool_]) -> Integers:
    rng = np.random.default_rng(options.seed)
    people = counts[~characters]
    return assign_beside(
        np.arange(len(people)) if options.loso else assign_groups(people, shares, rng), counts, shares, characters
    )


def refuse_lost_classes(
    options: SplitOptions, counts: Integers, classes: list[str], folds: Integers, part_count: int
) -> list[str]:
    """Return warnings; raise if the training set of a fold has no face of one of the seven expressions.

    For other labels this is only a warning, because the seven-class systems leave their faces out.

    Args:
        options: protocol of the split.
        counts: G x (C + 1) face counts of `count_classes`.
        classes: the C labels.
        folds: G fold numbers.
        part_count: number of split parts.

    Raises:
        InputError: a fold has all faces of an expression.
    """
    if not classes:
        return ["no face has an emotion, so only the sizes of the folds are balanced"]
    warnings = []
    for column in confined_classes(counts, folds):
        members = np.flatnonzero(counts[:, column])
        if options.holdout is not None and folds[members[0]] == _HOLDOUT_PARTS.index("train"):
            continue
        where = "the test part" if options.holdout is not None else f"fold {folds[members[0]]}"
        lost = f"all faces of {classes[column]} are in {where} (from {_groups(len(members))} of subjects), "
        lost += "so no training face of it is left when that part is tested"
        if classes[column] in EMOTIONS:
            raise InputError(
                f"{lost}; add people who show {classes[column]}, or give fewer folds or another {argument('seed')}"
            )
        warnings.append(lost)
    tested = range(part_count) if options.holdout is None else (_HOLDOUT_PARTS.index("test"),)
    for column, label in enumerate(classes):
        lacking = [part for part in tested if not counts[folds == part, column].any()]
        if lacking and options.holdout is not None:
            warnings.append(f"the test part has no face of {label}")
        elif lacking and not options.loso:
            warnings.append(f"{len(lacking)} of {part_count} folds have no test face of {label}")
    return warnings


def _with_parts(kept: pa.Table, parts: Integers, options: SplitOptions) -> pa.Table:
    if options.holdout is not None:
        columns = {
            "fold": pa.nulls(len(kept), pa.int32()),
            "split": pa.array(np.take(_HOLDOUT_PARTS, parts), pa.string()),
        }
    else:
        columns = {"fold": pa.array(parts, pa.int32()), "split": pa.nulls(len(kept), pa.string())}
    return store.replace_columns(kept, columns)


def _parts_of(kept: pa.Table, options: SplitOptions) -> Integers:
    """Return the part numbers that `_with_parts` wrote."""
    if options.holdout is not None:
        return np.asarray(pc.index_in(kept["split"], value_set=pa.array(_HOLDOUT_PARTS)).to_numpy(), np.int64)
    return np.asarray(kept["fold"].to_numpy(), np.int64)


def _with_parts_of(faces: pa.Table, finished: pa.Table) -> pa.Table:
    """Return all faces with the parts of the kept ones; rejected faces have none."""
    position = pc.index_in(faces["face_id"], value_set=finished["face_id"].combine_chunks())
    columns = {name: pc.take(finished[name], position).combine_chunks() for name in ("fold", "split")}
    return store.replace_columns(faces, columns)


def _summarise(finished: pa.Table, parts: Integers, options: SplitOptions, part_count: int) -> tuple[PartSummary, ...]:
    subjects = np.array(finished["subject_id"].to_pylist(), object)
    emotions = np.array(finished["emotion"].to_pylist(), object)
    order = {label: index for index, label in enumerate(EMOTIONS)}
    summaries = []
    for part in range(part_count):
        inside = parts == part
        found = Counter(label for label in emotions[inside] if label is not None)
        labels = sorted(found, key=lambda label: (order.get(label, len(order)), label))
        summaries.append(
            PartSummary(
                name=_HOLDOUT_PARTS[part] if options.holdout is not None else str(part),
                faces=int(inside.sum()),
                subjects=len(set(subjects[inside]) - {None}),
                emotions={label: found[label] for label in labels},
            )
        )
    return tuple(summaries)
