"""The merge base of a copy: what the workspace and the store last had in common.

The crops of a dataset never change once they exist. Three things may change: the settings, the parts (if a failed
source is tried again) and the labels. The workspace keeps their state as of the last copy to each store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.explain import reading
from fertools.core.hashing import hash_bytes
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, LABEL_COLUMNS

_RECORD = b"fertools copy"


@dataclass(frozen=True)
class State:
    """The changeable state of a workspace or of its copy in a store.

    Attributes:
        settings: sections of `fertools.toml`.
        parts: digest of the sources table of each committed part, by name.
        labels: `face_id` and LABEL_COLUMNS of each face of the manifest.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    labels: pa.Table = field(default_factory=lambda: _labels(FACES.arrow.empty_table()))


def local_state(workspace: Workspace) -> State:
    """Return the state of a workspace."""
    parts = {part_of(path.name): hash_bytes(path.read_bytes()) for path in workspace.parts.glob("*.sources.parquet")}
    labels = [store.read_faces(workspace, ("face_id", *LABEL_COLUMNS))] if workspace.manifest.is_file() else []
    return State(workspace.settings(), parts, *labels)


def part_of(name: str) -> str:
    """Return the name of the part that a file belongs to.

    Example:
        >>> part_of("manifests/parts/0a1b.faces.parquet")
        '0a1b'
    """
    return name.rsplit("/", 1)[-1].split(".", 1)[0]


def read_merge_bases(workspace: Workspace, url: str) -> list[State]:
    """Return the state after the last copy, and the state that an interrupted push was sending, if there are any.

    Args:
        workspace: the workspace.
        url: address of the store.
    """
    return [_read_state(path) for path in _records(workspace, url) if path.is_file()]


def write_merge_base(workspace: Workspace, url: str, state: State, *, sending: bool = False) -> None:
    """Record the state that workspace and store have in common.

    Older entries that `state` lacks are kept, because a running push removes a part before it writes its replacement.

    Args:
        workspace: the workspace.
        url: address of the store.
        state: the common state.
        sending: True before a push, which may leave only a part of `state` in the store.
    """
    base, sent = _records(workspace, url)
    if base.is_file():
        old = _read_state(base)
        gone = old.labels.filter(
            pc.invert(pc.is_in(old.labels["face_id"], value_set=state.labels["face_id"].combine_chunks()))
        )
        labels = pa.concat_tables([state.labels, gone.cast(state.labels.schema)])
        state = State(old.settings | state.settings, old.parts | state.parts, labels)
    _write_state(sent if sending else base, url, state)
    if not sending:
        sent.unlink(missing_ok=True)


def known_stores(workspace: Workspace) -> list[str]:
    """Return the addresses that a workspace was copied to or from."""
    found = set()
    for path in workspace.merge_bases.glob("*.parquet"):
        with reading(path, "is damaged", "remove it, then copy the dataset again"):
            found.add(str(json.loads(pq.read_schema(path).metadata[_RECORD])["url"]))
    return sorted(found)


def replace_parts(workspace: Workspace, url: str, changed: dict[str, tuple[str, str | None]]) -> None:
    """Record that parts changed in a store, so that they do not count as changed by another workspace.

    Args:
        workspace: the workspace.
        url: address of the store.
        changed: digest of the sources table of each part before, and after; None if the part is gone.
    """
    for path in _records(workspace, url):
        if not path.is_file():
            continue
        state = _read_state(path)
        parts = dict(state.parts)
        for part, (before, after) in changed.items():
            if parts.get(part) == before:
                parts.pop(part)
                parts |= {} if after is None else {part: after}
        if parts != state.parts:
            _write_state(path, url, State(state.settings, parts, state.labels))


def _write_state(path: Path, url: str, state: State) -> None:
    record = json.dumps({"url": url, "settings": state.settings, "parts": state.parts}).encode()
    with files.replacing(path) as temporary:
        pq.write_table(state.labels.replace_schema_metadata({_RECORD: record}), temporary, compression="zstd")


def _labels(faces: pa.Table) -> pa.Table:
    return faces.select(["face_id", *LABEL_COLUMNS])


def _records(workspace: Workspace, url: str) -> tuple[Path, Path]:
    """Return the path of the common state, and the path of the state that a push is sending."""
    key = hash_bytes(url.encode())
    return workspace.merge_bases / f"{key}.parquet", workspace.merge_bases / f"{key}.sent.parquet"


def _read_state(path: Path) -> State:
    remedy = f"remove it, then choose a side with {argument('prefer')} for what differs"
    table = read_parquet(path, remedy=remedy)
    with reading(path, "is damaged", remedy):
        record = json.loads(table.schema.metadata[_RECORD])
        return State(dict(record["settings"]), dict(record["parts"]), _labels(FACES.completed(table)))
