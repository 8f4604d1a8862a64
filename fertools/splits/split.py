"""Split the dataset into subject-independent folds, one fold per subject, or a hold-out.

Faces that may belong to one person stay together (`fertools.splits.groups`). Folds have similar sizes and classes
(`fertools.splits.folds`). Independent code (`fertools.manifests.leaks`) searches the result for leaks before it is
written.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.arguments import argument, given
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests.change import changing
from fertools.splits.assignment import assign, shares_of, wanted_shares
from fertools.splits.copies import find_links
from fertools.splits.folds import Floats, Integers, imbalance
from fertools.splits.groups import NO_LINKS
from fertools.splits.lost_classes import refuse_lost_classes
from fertools.splits.named_protocol import find_protocol
from fertools.splits.parts import parts_of, refuse_leaks, with_parts, write_parts
from fertools.splits.protocol import Balance, GroupBy, SplitOptions, describe_difference
from fertools.splits.published import read_published
from fertools.splits.resplit import other_parts
from fertools.splits.split_groups import SPLIT_COLUMNS, VA_COLUMNS, Grouping, group
from fertools.splits.split_record import (
    digest_assignment,
    digest_membership,
    read_record,
    recorded_links,
    write_record,
)
from fertools.splits.split_summary import SplitSummary, summarise_parts

_KEPT = [("status", "=", "kept")]
_Earlier = Literal["same", "grown", "another"]
"""The split that the manifest has: of the same options and faces, of fewer faces, or another one that may go."""


def split(
    workspace: WorkspaceLike,
    *,
    folds: int | None = None,
    loso: bool = False,
    holdout: float | None = None,
    validation: float | None = None,
    protocol: str | None = None,
    repeats: int = SplitOptions.repeats,
    balance: Balance = SplitOptions.balance,
    near_duplicates: bool = SplitOptions.near_duplicates,
    group_by: GroupBy = SplitOptions.group_by,
    seed: int = SplitOptions.seed,
    overwrite: bool = False,
    rebalance: bool = False,
) -> SplitSummary:
    """Split the kept faces of a dataset and write each face's fold or hold-out part into the manifest.

    The result depends on the faces, their subjects and labels, and the options, but not on the order of rows. Repeating
    a call changes nothing. If faces were added since, they join the parts of the earlier split, and no other moves.

    Args:
        workspace: the workspace of the manifest.
        folds: number of cross-validation folds, 2 or more. Give exactly one of `folds`, `loso`, `holdout` and
            `protocol`.
        loso: leave one subject out: one fold per group of subjects.
        holdout: share of the faces to hold out for testing, between 0 and 1.
        validation: with `holdout`, share of the faces to keep for validation, between 0 and 1.
        protocol: name of a published protocol, such as `ckplus-10fold`, which sets the options above.
        repeats: with `folds`, number of complete repetitions with other folds. The manifest has the folds of the first;
            a recipe with `split_seed` uses the others.
        balance: what is spread evenly: `classes`; `va`, also valence and arousal; or nothing, in `turns`.
        near_duplicates: keep copies of one picture together. This reads every picture.
        group_by: what a split never separates: a `subject`, or also all faces of a `source`.
        seed: breaks ties between equally good splits.
        overwrite: replace a split made with other options or for other faces.
        rebalance: assign all faces again with the same options after faces were added.

    Raises:
        InputError: the protocol is impossible: there are too few groups, a face has no subject, or a fold would leave
            no training face of a class. Or a published protocol is for another dataset.
        ResumeRefused: the manifest has another split, or the faces have changed since. Or a new face belongs to
            faces of two parts.
        CheckFailed: the finished split has a leak.
    """
    workspace = Workspace(workspace)
    named = None
    if protocol is not None:
        if folds is not None or loso or holdout is not None or validation is not None or balance != "classes":
            raise InputError(
                f"{argument('protocol')} says how to split; leave out {argument('folds')}, {argument('loso')}, "
                f"{argument('holdout')}, {argument('validation')} and {argument('balance')}"
            )
        named = find_protocol(protocol, workspace.root)
        facts = named.facts
        folds, loso, holdout, balance = facts.folds, facts.loso, facts.holdout, named.balance
    options = SplitOptions(
        folds=folds,
        loso=loso,
        holdout=holdout,
        validation=validation,
        repeats=repeats,
        balance=balance,
        near_duplicates=near_duplicates,
        seed=seed,
        group_by=group_by,
    )
    columns = SPLIT_COLUMNS + (VA_COLUMNS if options.balance == "va" else ())
    with changing(workspace, "a split", columns, _KEPT) as kept:
        _refuse_too_little(workspace, kept)
        notes = named.compare(kept) if named is not None else []
        earlier = _earlier(workspace, kept, options, overwrite=overwrite, rebalance=rebalance)
        summary, finished, links = _make(workspace, kept, options, earlier, fresh=overwrite or rebalance)
        if summary.changed:
            write_record(workspace, options, finished, links, before=earlier == "grown")
            write_parts(workspace, finished)
        return replace(summary, warnings=(*notes, *summary.warnings))


def _make(
    workspace: Workspace, kept: pa.Table, options: SplitOptions, earlier: _Earlier, *, fresh: bool
) -> tuple[SplitSummary, pa.Table, list[str]]:
    """Return the summary, the faces with their parts, and the copies to record."""
    old = np.full(len(kept), -1, np.int64) if earlier == "another" else parts_of(kept, options)
    links, pairs = _links(workspace, kept, options, search=earlier != "same")
    grouping = group(kept, options, pairs)
    people = grouping.people
    subjects = pc.count_distinct(kept["subject_id"].filter(pa.array(people[grouping.groups]))).as_py()
    shares = wanted_shares(options, grouping, subjects)
    fixed = None if fresh else _fixed_parts(kept, grouping, old)
    parts_of_groups = assign(options, grouping, shares, fixed)
    parts = parts_of_groups[grouping.groups] if earlier != "same" or fresh else old
    warnings = refuse_lost_classes(
        options, grouping.counts[people], grouping.classes, parts_of_groups[people], len(shares)
    )
    finished = with_parts(kept, parts, options)
    refuse_leaks(finished, options)
    summary = _summarise(kept, grouping, parts, shares, options)
    summary = replace(
        summary,
        warnings=tuple(warnings),
        changed=bool((old != parts).any()),
        joined=int((old < 0).sum()) if earlier == "grown" and not fresh else 0,
        repeats=(summary.imbalance, *_repeat(kept, links, options)) if options.repeats > 1 else (),
    )
    return summary, finished, links


def _summarise(
    kept: pa.Table, grouping: Grouping, parts: Integers, shares: Floats, options: SplitOptions
) -> SplitSummary:
    people = grouping.people
    parts_of_groups = np.zeros(len(grouping.names), np.int64)
    parts_of_groups[grouping.groups] = parts
    names = list(options.held_out_parts) or [str(fold) for fold in range(len(shares))]
    return SplitSummary(
        protocol=options.protocol,
        parts=summarise_parts(kept, parts, names, va=options.balance == "va"),
        faces=len(kept),
        subjects=pc.count_distinct(kept["subject_id"]).as_py(),
        groups=len(grouping.names),
        imbalance=imbalance(grouping.balanced[people], shares, parts_of_groups[people]),
        warnings=(),
        changed=True,
    )


def apply_split(workspace: WorkspaceLike, file: Path | str, *, overwrite: bool = False) -> SplitSummary:
    """Give the faces of a dataset the parts of a published split.

    A kept face that the file does not list gets no part, so no run uses it. A generated face follows its parent.

    Args:
        workspace: the workspace of the manifest.
        file: path of a file that `fertools.publish_split` wrote.
        overwrite: replace another split.

    Raises:
        InputError: the file is no published split, or lists faces that the manifest lacks.
        ResumeRefused: the manifest has another split.
        CheckFailed: the split leaks, because this manifest knows more about who is one person.
    """
    workspace, published = Workspace(workspace), read_published(Path(file))
    options = published.options
    columns = SPLIT_COLUMNS + (VA_COLUMNS if options.balance == "va" else ())
    with changing(workspace, "a split", columns, _KEPT) as kept:
        lacking = pc.invert(pc.is_in(published.faces, value_set=kept["face_id"].combine_chunks()))
        if pc.any(lacking).as_py():
            first = published.faces.filter(lacking)[0].as_py()
            raise InputError(
                f"{file} lists {pc.sum(lacking).as_py()} faces that are not among the kept faces, such as {first}; "
                "ingest the same files with the same options"
            )
        names = pc.if_else(pc.is_valid(kept["parent_id"]), kept["parent_id"], kept["face_id"])
        place = pc.fill_null(pc.index_in(names, value_set=published.faces), len(published.faces)).to_numpy()
        parts = np.append(published.parts[0], -1)[place]
        finished = with_parts(kept, parts, options)
        same = digest_assignment(kept) == digest_assignment(finished)
        assigned = pc.any(pc.or_(pc.is_valid(kept["fold"]), pc.is_valid(kept["split"]))).as_py()
        if assigned and not same and not overwrite:
            raise ResumeRefused(f"the manifest has another split; replace it with {given('overwrite', True)}")
        refuse_leaks(finished, options)
        listed, known = finished.filter(pa.array(parts >= 0)), parts[parts >= 0]
        grouping = group(listed, options, recorded_links({"links": published.links}, listed["face_id"]))
        if not same or read_record(workspace) is None:
            write_record(workspace, options, listed, list(published.links))
            write_parts(workspace, finished)
        shares = shares_of(options, len(published.names))
        unlisted = len(kept) - len(listed)
        notes = (f"{unlisted} kept faces are not in the published split and have no part",) if unlisted else ()
        return replace(_summarise(listed, grouping, known, shares, options), warnings=notes, changed=not same)


def _links(workspace: Workspace, kept: pa.Table, options: SplitOptions, *, search: bool) -> tuple[list[str], Integers]:
    """Return the copies that join groups, for the record and as pairs of rows."""
    if not options.near_duplicates:
        return [], NO_LINKS
    if search:
        return find_links(workspace, kept, options.group_by)
    record = read_record(workspace) or {}
    return record.get("links", []), recorded_links(record, kept["face_id"])


def _repeat(kept: pa.Table, links: list[str], options: SplitOptions) -> list[float]:
    """Return the imbalance of the further repeats, after checking each like the first one."""
    kept = kept.filter(pc.is_null(kept["parent_id"]))
    grouping = group(kept, options, recorded_links({"links": links}, kept["face_id"]))
    found = []
    for seed in range(1, options.repeats):
        parts, deviation = other_parts(grouping, options, seed)
        refuse_leaks(with_parts(kept, parts[grouping.groups], options), options)
        found.append(deviation)
    return found


def _earlier(
    workspace: Workspace, kept: pa.Table, options: SplitOptions, *, overwrite: bool, rebalance: bool
) -> _Earlier:
    """Return which split the manifest has; raise if it is another one and may not be replaced."""
    old = read_record(workspace)
    assigned = np.asarray(pc.or_(pc.is_valid(kept["fold"]), pc.is_valid(kept["split"])).to_numpy())
    if old is None:
        if assigned.any() and not overwrite:
            raise ResumeRefused(
                f"the manifest has folds that fertools did not create; replace them with {given('overwrite', True)}"
            )
        return "another"
    difference = describe_difference(old, options.record())
    if difference is None:
        difference = _changed_since(old, kept, assigned)
        # A run that was cut off while faces joined has recorded the split, but not written it.
        if difference is None or ("before" in old and _changed_since(old["before"], kept, assigned) is None):
            return "same" if assigned.all() else "grown"
        if rebalance:
            return "another"
    if overwrite or not assigned.any():
        return "another"
    raise ResumeRefused(f"{difference}; use the same options, or replace the split with {given('overwrite', True)}")


def _changed_since(old: dict[str, Any], kept: pa.Table, assigned: np.ndarray[Any, np.dtype[np.bool_]]) -> str | None:
    """Return a clause that says what has changed in the faces that the recorded split has, or None."""
    known = kept if assigned.all() else kept.filter(pa.array(assigned))
    if old.get("faces") != len(known):
        return f"the existing split was made for {old.get('faces')} kept faces, and {len(known)} of these are left"
    if old.get("membership") != digest_membership(known):
        return "the faces or their subjects have changed since the existing split was made"
    if old.get("assignment") != digest_assignment(known):
        return "the folds in the manifest differ from the recorded split"
    return None


def _fixed_parts(kept: pa.Table, grouping: Grouping, old: Integers) -> Integers:
    """Return the part of each group that has one, else -1; raise if new faces link the faces of two parts."""
    fixed = np.full(len(grouping.names), -1, np.int64)
    known = np.flatnonzero(old >= 0)
    owners = grouping.groups[known]
    fixed[owners] = old[known]
    torn = np.unique(owners[fixed[owners] != old[known]])
    if not len(torn) or len(known) == len(old):
        return fixed
    members = np.flatnonzero(grouping.groups == torn[0])
    new = members[old[members] < 0]
    row = int(new[0] if len(new) else members[0])
    first, second = (members[old[members] == part][0] for part in np.unique(old[members[old[members] >= 0]])[:2])
    parts = " and ".join(_part_name(kept, int(one)) for one in (first, second))
    raise ResumeRefused(
        f"new faces link people who are in different parts, in {len(torn)} group{'' if len(torn) == 1 else 's'}: the "
        f"first, with face {kept['face_id'][row].as_py()}, links faces of {parts}; correct the subjects of the new "
        f"faces, or assign all faces again with {given('rebalance', True)}"
    )


def _part_name(kept: pa.Table, row: int) -> str:
    fold, part = kept["fold"][row].as_py(), kept["split"][row].as_py()
    return f"split {part}" if fold is None else f"fold {fold}"


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
