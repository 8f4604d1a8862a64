"""Three-way merge of a workspace and its copy in a store.

Both sides are compared with their merge base (`fertools.transfer.merge_base`), as in version control. A side that
differs from the base has changed. If both sides changed the same thing, neither is overwritten. The merge compares each
section of the settings, each part, and each group of labels of each face.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.arguments import given
from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.shards import SECTION
from fertools.manifests import store
from fertools.manifests.schema import FACES, LABEL_COLUMNS, LABEL_GROUPS
from fertools.transfer.merge_base import State

Preference = Literal["store", "here"]
"""The side that wins if both changed the same thing."""

Mask = npt.NDArray[np.bool_]


def refuse_unlike(here: dict[str, Any], there: dict[str, Any], url: str) -> None:
    """Raise ResumeRefused unless both settings come from the same ingest options, weights and share."""
    share = {"share"}
    for section, keys in (("ingest", None), (SECTION, share)):
        ours, theirs = here.get(section), there.get(section)
        if section == "ingest" and (ours is None or theirs is None):
            # One side is empty, so nothing can be mixed.
            return
        for key in sorted(keys or {*(ours or {}), *(theirs or {})}):
            old, new = (theirs or {}).get(key, "unset"), (ours or {}).get(key, "unset")
            if old != new:
                raise ResumeRefused(
                    f"the dataset in {url} was ingested with {key} {old}, but this workspace with {new}; use another "
                    f"address or folder, or ingest again with {given('overwrite', True)} and the other's options"
                )


def unfinished(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings during a copy, in which the share of an ingest is marked as unfinished."""
    return settings | ({SECTION: settings[SECTION] | {"finished": False}} if SECTION in settings else {})


@dataclass(frozen=True)
class MergeResult:
    """The result of a three-way merge.

    Attributes:
        settings: merged sections of both sides.
        taken_settings: names of the sections that are newer in the store.
        taken_parts: names of the parts that are newer in the store, or exist only there.
        taken_labels: number of faces whose labels are newer in the store.
    """

    settings: dict[str, Any]
    taken_settings: tuple[str, ...]
    taken_parts: tuple[str, ...]
    taken_labels: int

    def describe(self) -> str:
        """Return what is newer in the store as text; empty if nothing is."""
        counts = {"parts": len(self.taken_parts), "faces' labels": self.taken_labels}
        words = [f"{count:,} {name}" for name, count in counts.items() if count]
        return " and ".join([*words, *(f"the settings of [{name}]" for name in self.taken_settings)])


def three_way_merge(
    workspace: Workspace,
    local: State,
    remote: State,
    bases: Sequence[State],
    url: str,
    prefer: Preference | None = None,
) -> MergeResult:
    """Merge the states of a workspace and of its copy in a store.

    Args:
        workspace: the workspace.
        local: state of the workspace.
        remote: state of the store.
        bases: merge bases from `read_merge_bases`.
        url: address of the store, for messages.
        prefer: the side that wins if both changed the same thing; None raises instead.

    Raises:
        ResumeRefused: the two come from different ingests, or both changed the same thing. The message names the first
            difference.
    """
    refuse_unlike(local.settings, remote.settings, url)
    settings, taken_settings = dict(local.settings), []
    for section, value in remote.settings.items():
        held = [old.get(section) for base in bases for old in (base.settings, unfinished(base.settings))]
        if section == SECTION and unfinished({section: value}) == unfinished(
            {section: local.settings.get(section, {})}
        ):
            # They differ only in the mark of an interrupted copy: the finished state is the right one.
            held.append(unfinished({section: value})[section])
        what = f"the settings of [{section}] were changed in {url} and in this workspace"
        if _newer(local.settings.get(section), value, held, what, url, prefer):
            settings[section] = value
            taken_settings.append(section)
    taken_parts = [
        part
        for part, digest in remote.parts.items()
        if part not in local.parts
        or _newer(
            local.parts.get(part),
            digest,
            [base.parts.get(part) for base in bases],
            f"the part {part} was changed in {url} and in this workspace by retrying failed sources",
            url,
            prefer,
        )
    ]
    _, changed = merge_labels(workspace, local.labels, remote, bases, url, prefer)
    return MergeResult(settings, tuple(taken_settings), tuple(taken_parts), changed)


def merge_labels(
    workspace: Workspace,
    labels: pa.Table,
    remote: State,
    bases: Sequence[State],
    url: str,
    prefer: Preference | None = None,
) -> tuple[pa.Table, int]:
    """Return the merged labels of some faces, and the number of faces whose labels are newer in the store.

    Args:
        workspace: the workspace. Its parts contain the first labels of each face, from ingest.
        labels: `face_id` and LABEL_COLUMNS of faces of the workspace.
        remote: state of the store.
        bases: merge bases from `read_merge_bases`.
        url: address of the store, for messages.
        prefer: the side that wins if both changed the same labels; None raises instead.

    Raises:
        ResumeRefused: both sides changed the same labels of a face.
    """
    faces = _ids(labels)
    base_labels = [_ingested_labels(workspace), *(base.labels for base in bases)]
    known = _found(remote.labels, faces)
    taken = np.zeros(len(labels), bool)
    result = labels
    for kind, columns in LABEL_GROUPS.items():
        differs = known & ~_same(labels, remote.labels, faces, columns)
        if not differs.any():
            continue
        # The merge bases count; the labels from ingest count only for faces that no merge base contains.
        ours_old, theirs_old = (_unchanged(side, base_labels, faces, columns) for side in (labels, remote.labels))
        if (clash := differs & ~ours_old & ~theirs_old).any() and prefer is None:
            first = int(np.flatnonzero(clash)[0])
            raise ResumeRefused(
                f"{int(clash.sum()):,} faces got another {kind} in {url} than here, the first is {faces[first]}; "
                f"choose a side with {calls.pull(url, 'store')} or {calls.pull(url, 'here')}"
            )
        wins = differs & ~theirs_old if prefer != "here" else differs & ours_old & ~theirs_old
        position = pc.index_in(faces, value_set=_ids(remote.labels))
        for name in columns:
            newer = pc.take(remote.labels[name], position)
            chosen = pc.if_else(pa.array(wins), newer, result[name])
            result = result.set_column(result.schema.get_field_index(name), result.schema.field(name), chosen)
        taken |= wins
    return result, int(taken.sum())


def _newer(ours: Any, theirs: Any, bases: Sequence[Any], what: str, url: str, prefer: Preference | None) -> bool:
    """Return whether the state `theirs` of the store is newer than `ours`."""
    if ours == theirs or theirs in bases:
        return False
    if ours is None or ours in bases:
        return True
    if prefer is None:
        raise ResumeRefused(f"{what}; choose a side with {calls.pull(url, 'store')} or {calls.pull(url, 'here')}")
    return prefer == "store"


def _ingested_labels(workspace: Workspace) -> pa.Table:
    """Return the first labels of each face, which ingest wrote."""
    tables = [
        store.read_table(store.faces_beside(path), FACES, ("face_id", *LABEL_COLUMNS))
        for path in sorted(workspace.parts.glob("*.sources.parquet"))
    ]
    return pa.concat_tables(tables) if tables else State().labels


def _unchanged(side: pa.Table, base_labels: Sequence[pa.Table], faces: pa.Array, columns: Iterable[str]) -> Mask:
    """Return which faces have the same labels in `side` as in a merge base, or as from ingest without one."""
    ingested, *merge_bases = base_labels
    recorded = np.zeros(len(faces), bool)
    result = np.zeros(len(faces), bool)
    for base in merge_bases:
        held = _found(base, faces)
        result |= held & _same(side, base, faces, columns)
        recorded |= held
    return result | (~recorded & _found(ingested, faces) & _same(side, ingested, faces, columns))


def _found(table: pa.Table, faces: pa.Array) -> Mask:
    found: Mask = pc.is_in(faces, value_set=_ids(table)).to_numpy(zero_copy_only=False)
    return found


def _same(one: pa.Table, other: pa.Table, faces: pa.Array, columns: Iterable[str]) -> Mask:
    """Return which faces have equal values in all `columns` of both tables; two nulls are equal."""
    result = np.ones(len(faces), bool)
    positions = [pc.index_in(faces, value_set=_ids(table)) for table in (one, other)]
    for name in columns:
        first, second = (pc.take(table[name], place) for table, place in zip((one, other), positions, strict=True))
        equal = pc.fill_null(pc.equal(first, second), False)
        both_null = pc.and_(pc.is_null(first), pc.is_null(second))
        result &= pc.or_(equal, both_null).to_numpy()
    return result


def _ids(table: pa.Table) -> pa.Array:
    return table["face_id"].combine_chunks()
