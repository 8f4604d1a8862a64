"""The objects of a dataset in a store: their names, which equal the file names, and their state."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from fertools.core.errors import SchemaError
from fertools.core.hashing import hash_bytes
from fertools.core.notebook import HtmlFields
from fertools.core.objects import ObjectStore
from fertools.core.toml import parse_toml, table_in
from fertools.manifests import store
from fertools.manifests.schema import FACES, LABEL_COLUMNS
from fertools.manifests.table_schema import TableSchema
from fertools.transfer.merge_base import State, part_of

SETTINGS = "fertools.toml"
MANIFEST = "manifests/faces.parquet"
SOURCES_TABLE = "manifests/sources.parquet"

_SHARE = re.compile(r"shards/([0-9]+-of-[0-9]+)/fertools\.toml")
_PART = re.compile(r"manifests/parts/([0-9a-f]{32})\.(faces|sources)\.parquet")
_CROP = re.compile(r"faces/(?:[a-z0-9_]+-[0-9]+/)?[0-9a-f]{2}/([0-9a-f]{32})\.(?:jpg|png)")


@dataclass(frozen=True)
class CopySummary(HtmlFields):
    """The totals of a push or a pull; `objects` is the sum of the five numbers below it.

    Attributes:
        parts: number of committed parts that both sides have now.
        objects: number of files of the dataset (push), or of objects in the store (pull).
        copied: number of objects that this run copied.
        before: number of objects that the other side already had.
        tables: number of tables and settings that a pull rebuilds instead of copying them.
        left: number of crops that a pull leaves in the store, because it was not called with `crops`.
        ignored: number of objects that belong to no complete part, such as those of an unfinished push, or that this
            workspace has forgotten.
        copied_bytes: number of bytes that this run copied.
    """

    parts: int = 0
    objects: int = 0
    copied: int = 0
    before: int = 0
    tables: int = 0
    left: int = 0
    ignored: int = 0
    copied_bytes: int = 0

    def __add__(self, other: CopySummary) -> CopySummary:
        return CopySummary(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def part_name(part: str, kind: str) -> str:
    """Return the object name of a table of a part; `kind` is `faces` or `sources`."""
    return f"manifests/parts/{part}.{kind}.parquet"


def parts_in(names: Iterable[str]) -> list[str]:
    """Return the complete parts: those with both tables among `names`."""
    tables: dict[str, set[str]] = {}
    for name in names:
        if match := _PART.fullmatch(name):
            tables.setdefault(match[1], set()).add(match[2])
    return sorted(part for part, kinds in tables.items() if len(kinds) == 2)


def crops_in(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the object names of crops of any template and size, by `face_id`."""
    crops: dict[str, list[str]] = {}
    for name in names:
        if match := _CROP.fullmatch(name):
            crops.setdefault(match[1], []).append(name)
    return crops


def shares_in(names: Iterable[str]) -> list[str]:
    """Return the names `I-of-N` of the shares in a store."""
    return sorted(match[1] for name in names if (match := _SHARE.fullmatch(name)))


@dataclass(frozen=True)
class RemoteState:
    """The content of a store, with the tags for `ObjectStore.replace`.

    Attributes:
        sizes: size in bytes of each object outside of shares, by name.
        state: the changeable state.
        settings_tag: tag of `fertools.toml`; None if it does not exist.
        manifest_tag: tag of the manifest; None if it does not exist.
        manifest_digest: digest of the content of the manifest; None if it does not exist.
    """

    sizes: dict[str, int]
    state: State
    settings_tag: str | None
    manifest_tag: str | None
    manifest_digest: str | None


def read_remote_state(remote: ObjectStore) -> RemoteState:
    """Return the content of a store.

    Raises:
        InputError: a table or the settings there cannot be read.
        StorageError: the store cannot be reached.
    """
    sizes = {name: size for name, size in remote.sizes().items() if not name.startswith("shards/")}
    settings, settings_tag = read_settings(remote)
    tables = remote.read([part_name(part, "sources") for part in parts_in(sizes)])
    parts = {part_of(name): hash_bytes(content) for name, content in tables.items()}
    content, tag = remote.read_tagged(MANIFEST)
    if content is None:
        return RemoteState(sizes, State(settings, parts), settings_tag, None, None)
    labels = read_content(remote, MANIFEST, content, FACES, ("face_id", *LABEL_COLUMNS))
    return RemoteState(sizes, State(settings, parts, labels), settings_tag, tag, hash_bytes(content))


def read_settings(remote: ObjectStore) -> tuple[dict[str, Any], str | None]:
    """Return the settings in a store and their tag; an empty dictionary and None if they do not exist.

    Raises:
        InputError: the settings are not valid TOML.
        StorageError: the store cannot be reached.
    """
    content, tag = remote.read_tagged(SETTINGS)
    where = f"{remote.url}/{SETTINGS}"
    settings = parse_toml(content or b"", where, "restore it or use another address")
    return {section: table_in(settings, section, where) for section in settings}, tag


def read_content(
    remote: ObjectStore, name: str, content: bytes, schema: TableSchema, columns: tuple[str, ...] | None = None
) -> pa.Table:
    """Return the table in an object.

    Raises:
        SchemaError: the object is no table of fertools, or has another schema version.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(content)
        try:
            return store.read_table(path, schema, columns)
        except SchemaError as error:
            raise SchemaError(error.message.replace(str(path), f"{remote.url}/{name}")) from error


def in_batches(sizes: dict[str, int], *, limit: int = 256, limit_bytes: int = 64 * 2**20) -> Iterator[list[str]]:
    """Yield the names in batches for concurrent requests whose contents fit into memory."""
    batch: list[str] = []
    held = 0
    for name, size in sizes.items():
        if batch and (len(batch) >= limit or held + size > limit_bytes):
            yield batch
            batch, held = [], 0
        batch.append(name)
        held += size
    if batch:
        yield batch
