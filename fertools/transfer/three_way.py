"""What a workspace and its copy in a store have in common, and what each of them changed since.

A copy is made of things that never change once they are there (crops) and of three that may: the settings, the
parts, of which a source that failed is taken when it is tried again, and the labels. For these the workspace keeps what
both sides last held. Whichever side differs from that has changed, and if both did, neither is overwritten: the
three-way comparison of version control, per section of the settings, per part, and per face and kind of label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.arguments import given
from fertools.core.errors import ResumeRefused
from fertools.core.explain import reading
from fertools.core.hashing import hash_bytes
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace
from fertools.ingestion.shards import SECTION
from fertools.manifests import store
from fertools.manifests.schema import FACES, LABEL_COLUMNS, LABEL_GROUPS

Preference = Literal["store", "here"]
"""Which side wins where both changed the same."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class State:
    """What a side holds of that which may change.

    Attributes:
        settings: sections of `fertools.toml`.
        parts: digest of the sources table of each committed part.
        labels: `face_id` and the columns of `LABEL_COLUMNS` for each face of the manifest.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    labels: pa.Table = field(default_factory=lambda: _labels(FACES.arrow.empty_table()))


def local_state(workspace: Workspace) -> State:
    """Return what `workspace` holds."""
    parts = {part_of(path.name): hash_bytes(path.read_bytes()) for path in workspace.parts.glob("*.sources.parquet")}
    labels = [store.read_faces(workspace, ("face_id", *LABEL_COLUMNS))] if workspace.manifest.is_file() else []
    return State(workspace.settings(), parts, *labels)


def part_of(name: str) -> str:
    """Return the name of the part whose file is called `name`."""
    return name.rsplit("/", 1)[-1].split(".", 1)[0]


def read_merge_bases(workspace: Workspace, url: str) -> list[State]:
    """Return what `workspace` and the store at `url` last had in common, and what a stopped push was about to send."""
    return [_read_state(path) for path in _records(workspace, url) if path.is_file()]


def write_merge_base(workspace: Workspace, url: str, state: State, *, sending: bool = False) -> None:
    """Write down what both sides hold; with `sending`, what the store may hold a part of from now on.

    What the store does not show now is kept as it was: a push that is under way takes a part away before it puts
    another in its place.
    """
    base, sent = _records(workspace, url)
    if base.is_file():
        old = _read_state(base)
        gone = old.labels.filter(pc.invert(pc.is_in(old.labels["face_id"], value_set=_ids(state.labels))))
        labels = pa.concat_tables([state.labels, gone.cast(state.labels.schema)])
        state = State(old.settings | state.settings, old.parts | state.parts, labels)
    record = json.dumps({"url": url, "settings": state.settings, "parts": state.parts}).encode()
    table = state.labels.replace_schema_metadata({_RECORD: record})
    with files.replacing(sent if sending else base) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    if not sending:
        sent.unlink(missing_ok=True)


def refuse_unlike(here: dict[str, Any], there: dict[str, Any], url: str) -> None:
    """Raise ResumeRefused unless both settings are of one ingest: the same options, weights and share."""
    share = {"share"}
    for section, keys in (("ingest", None), (SECTION, share)):
        ours, theirs = here.get(section), there.get(section)
        if section == "ingest" and (ours is None or theirs is None):
            # Nothing was ingested on one side, so that nothing of it can be mixed.
            return
        for key in sorted(keys or {*(ours or {}), *(theirs or {})}):
            old, new = (theirs or {}).get(key, "unset"), (ours or {}).get(key, "unset")
            if old != new:
                raise ResumeRefused(
                    f"what {url} holds was ingested with {key} {old}, and what is here with {new}; use another address "
                    f"or folder, or ingest again with {given('overwrite', True)} and the other's options"
                )


def unfinished(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they are while a copy is under way: a share is not finished before all of it is there."""
    return settings | ({SECTION: settings[SECTION] | {"finished": False}} if SECTION in settings else {})


@dataclass(frozen=True)
class MergeResult:
    """What both sides together come to.

    Attributes:
        settings: the sections of both.
        taken_settings: sections of which the store has the newer state.
        taken_parts: parts of which the store has the newer state, or which only it has.
        taken_labels: faces for which the store has the newer labels.
    """

    settings: dict[str, Any]
    taken_settings: tuple[str, ...]
    taken_parts: tuple[str, ...]
    taken_labels: int

    def describe(self) -> str:
        """Return what only the store has, as words; empty if nothing."""
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
    """Compare both sides.

    Args:
        workspace: what is here.
        local: what the workspace holds.
        remote: what the store holds.
        bases: the merge bases, from `read_merge_bases`.
        url: of the store, for messages.
        prefer: which side wins where both changed the same; None refuses that.

    Raises:
        ResumeRefused: they are not of one ingest, or both changed the same; the first difference is named.
    """
    refuse_unlike(local.settings, remote.settings, url)
    settings, taken_settings = dict(local.settings), []
    for section, value in remote.settings.items():
        held = [old.get(section) for base in bases for old in (base.settings, unfinished(base.settings))]
        if section == SECTION and unfinished({section: value}) == unfinished(
            {section: local.settings.get(section, {})}
        ):
            # On one of the sides a copy was stopped: of two that differ in that alone, the finished one is right.
            held.append(unfinished({section: value})[section])
        what = f"the settings of [{section}] in {url} are others than those here"
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
            f"the part {part} was changed in {url} and here, by trying again what failed",
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
    """Return the labels of both sides for the faces of `labels`, and for how many the store has newer ones.

    Args:
        workspace: what is here; what its parts say is what a face had before anybody labelled it.
        labels: `face_id` and columns, as here.
        remote: what the store holds.
        bases: the merge bases, from `read_merge_bases`.
        url: of the store, for messages.
        prefer: as for `three_way_merge`.

    Raises:
        ResumeRefused: a face got other labels on both sides.
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
        # The newest record that knows a face says what it had; what the parts say, only where there is none.
        ours_old, theirs_old = (_unchanged(side, base_labels, faces, columns) for side in (labels, remote.labels))
        if (clash := differs & ~ours_old & ~theirs_old).any() and prefer is None:
            first = int(np.flatnonzero(clash)[0])
            raise ResumeRefused(
                f"{int(clash.sum()):,} faces got another {kind} in {url} than here, the first {faces[first]}; take one "
                f"side's by `fertools pull {url} --prefer store` or `--prefer here`"
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
    """Return whether the store has the newer state of a thing that it has."""
    if ours == theirs or theirs in bases:
        return False
    if ours is None or ours in bases:
        return True
    if prefer is None:
        raise ResumeRefused(f"{what}; take one side's by `fertools pull {url} --prefer store` or `--prefer here`")
    return prefer == "store"


def _ingested_labels(workspace: Workspace) -> pa.Table:
    """Return the labels as the ingest wrote them."""
    tables = [
        store.read_table(path.with_name(f"{part_of(path.name)}.faces.parquet"), FACES, ("face_id", *LABEL_COLUMNS))
        for path in sorted(workspace.parts.glob("*.sources.parquet"))
    ]
    return pa.concat_tables(tables) if tables else State().labels


def _unchanged(side: pa.Table, base_labels: Sequence[pa.Table], faces: pa.Array, columns: Iterable[str]) -> Mask:
    """Return which faces have in `side` what they had when both sides last agreed."""
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
    """Return for which faces both tables say the same in all `columns`; null is like null."""
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


def _labels(faces: pa.Table) -> pa.Table:
    return faces.select(["face_id", *LABEL_COLUMNS])


_RECORD = b"fertools copy"


def _records(workspace: Workspace, url: str) -> tuple[Path, Path]:
    """Return where what both sides held is written down, and what was about to be sent."""
    key = hash_bytes(url.encode())
    return workspace.merge_bases / f"{key}.parquet", workspace.merge_bases / f"{key}.sent.parquet"


def _read_state(path: Path) -> State:
    remedy = "remove it, and what differs from the store is refused once"
    table = read_parquet(path, remedy=remedy)
    with reading(path, "is damaged", remedy):
        record = json.loads(table.schema.metadata[_RECORD])
        return State(dict(record["settings"]), dict(record["parts"]), table.select(["face_id", *LABEL_COLUMNS]))
