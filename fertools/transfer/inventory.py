"""What of a workspace is copied to a store: the names of its objects, which are those of its files."""

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
from fertools.manifests.schema import FACES, LABEL_COLUMNS, TableSchema
from fertools.transfer.three_way import State, part_of

SETTINGS = "fertools.toml"
MANIFEST = "manifests/faces.parquet"
SOURCES_TABLE = "manifests/sources.parquet"

_SHARE = re.compile(r"shards/([0-9]+-of-[0-9]+)/fertools\.toml")
_PART = re.compile(r"manifests/parts/([0-9a-f]{32})\.(faces|sources)\.parquet")
_CROP = re.compile(r"faces/(?:[a-z0-9_]+-[0-9]+/)?[0-9a-f]{2}/([0-9a-f]{32})\.(?:jpg|png)")


@dataclass(frozen=True)
class CopySummary(HtmlFields):
    """What a push or a pull came to; `objects` is the sum of the five numbers below it.

    Attributes:
        parts: committed parts that both sides now have.
        objects: of a push, the files here that belong to the dataset; of a pull, the objects in the store.
        copied: objects that this run copied.
        before: objects that the other side had already.
        tables: of a pull, the settings and the manifest, which are not copied but made anew from what was.
        left: of a pull, crops that were not asked for.
        ignored: of a pull, objects that no part counts: of a push that has not ended, or of something else.
        copied_bytes: size of what this run copied.
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
    """Return the name of a part's table: `faces` or `sources`."""
    return f"manifests/parts/{part}.{kind}.parquet"


def parts_in(names: Iterable[str]) -> list[str]:
    """Return the parts of which both tables are among `names`: those that count."""
    tables: dict[str, set[str]] = {}
    for name in names:
        if match := _PART.fullmatch(name):
            tables.setdefault(match[1], set()).add(match[2])
    return sorted(part for part, kinds in tables.items() if len(kinds) == 2)


def crops_in(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of crops, of any template and size, by their `face_id`."""
    crops: dict[str, list[str]] = {}
    for name in names:
        if match := _CROP.fullmatch(name):
            crops.setdefault(match[1], []).append(name)
    return crops


def shares_in(names: Iterable[str]) -> list[str]:
    """Return the shares `I-of-N` that lie below a store."""
    return sorted(match[1] for name in names if (match := _SHARE.fullmatch(name)))


@dataclass(frozen=True)
class RemoteState:
    """What a store holds, and by which tags it can be replaced (see `ObjectStore.replace`).

    Attributes:
        sizes: of all its objects but those of shares, by name.
        state: that which may change.
        settings_tag: of `fertools.toml`; None if there is none.
        manifest_tag: of the manifest; None if there is none.
        manifest_digest: of its content.
    """

    sizes: dict[str, int]
    state: State
    settings_tag: str | None
    manifest_tag: str | None
    manifest_digest: str | None


def read_remote_state(remote: ObjectStore) -> RemoteState:
    """Return what a store holds.

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
    """Return the settings in a store, and the tag to replace them by; empty and None if there are none.

    Raises:
        InputError: they are not TOML.
        StorageError: the store cannot be reached.
    """
    content, tag = remote.read_tagged(SETTINGS)
    where = f"{remote.url}/{SETTINGS}"
    settings = parse_toml(content or b"", where, "restore it or use another address")
    return {section: table_in(settings, section, where) for section in settings}, tag


def read_content(
    remote: ObjectStore, name: str, content: bytes, schema: TableSchema, columns: tuple[str, ...] | None = None
) -> pa.Table:
    """Return the table that an object holds.

    Raises:
        SchemaError: it is not one, or of another version of the schema.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(content)
        try:
            return store.read_table(path, schema, columns)
        except SchemaError as error:
            raise SchemaError(str(error).replace(str(path), f"{remote.url}/{name}")) from error


def in_batches(sizes: dict[str, int], *, limit: int = 256, limit_bytes: int = 64 * 2**20) -> Iterator[list[str]]:
    """Yield the names in groups that are worth a round of requests and fit well into memory."""
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
