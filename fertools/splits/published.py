"""A split as a small file that others can check and apply: the part of every face, and nothing about the people.

The file is a Parquet table with a row per real face: `face_id` as 16 bytes, `part`, and a column for each further
repeat. Its metadata have the options, the names of the parts and a digest of all of it. A `face_id` follows from the
content of the source, so it is the same on every machine that ingests the same files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import calls, files
from fertools.core.errors import InputError
from fertools.core.hashing import fingerprint, hash_bytes
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.splits.folds import Integers
from fertools.splits.parts import parts_of
from fertools.splits.protocol import SplitOptions
from fertools.splits.resplit import resplit
from fertools.splits.split_groups import SPLIT_COLUMNS
from fertools.splits.split_record import digest_assignment, read_record

_KEY = b"fertools.split"
_VERSION = 1
_REMEDY = "get it again from its publisher"


@dataclass(frozen=True)
class PublishedSplit:
    """The content of a published split.

    Attributes:
        options: options of the split.
        names: names of the parts by number.
        links: copies that the split keeps together, as pairs of `face_id` with a blank between.
        faces: N identifiers in ascending order.
        parts: R x N part numbers, one row per repeat; the first are those of the manifest.
    """

    options: SplitOptions
    names: tuple[str, ...]
    links: tuple[str, ...]
    faces: pa.Array
    parts: Integers

    @property
    def digest(self) -> str:
        """Digest of the options and of the part of every face; it names this split in a paper."""
        about = {"options": self.options.record(), "names": list(self.names), "links": list(self.links)}
        texts = "\n".join(self.faces.to_pylist()).encode()
        return hash_bytes(fingerprint(about).encode(), texts, np.ascontiguousarray(self.parts, "<i4").tobytes())


@dataclass(frozen=True)
class SplitCheck:
    """The differences between a manifest and a published split.

    Attributes:
        digest: digest of the published split.
        faces: number of faces that it lists.
        differences: one sentence per kind of difference; empty if the manifest has exactly this split.
    """

    digest: str
    faces: int
    differences: tuple[str, ...]


def publish_split(workspace: WorkspaceLike, file: Path | str) -> str:
    """Write the split of a dataset into a small file for others, and return its digest.

    The file has identifiers of faces and part numbers, but no path, subject or label.

    Args:
        workspace: the workspace of the manifest.
        file: path of the file, with the suffix `.parquet`.

    Raises:
        InputError: the manifest has no split, or was changed since; or the suffix is another one.
        StorageError: the file cannot be written.
    """
    workspace, file = Workspace(workspace), Path(file)
    if file.suffix != ".parquet":
        raise InputError(f"{file} does not end in .parquet; give a name that does")
    record = read_record(workspace)
    kept = store.read_faces(workspace, SPLIT_COLUMNS, [("status", "=", "kept")])
    kept = kept.filter(pc.or_(pc.is_valid(kept["fold"]), pc.is_valid(kept["split"])))
    if record is None or record.get("assignment") != digest_assignment(kept):
        raise InputError(
            f"{workspace.manifest} has no split, or it was changed since; run {calls.SPLIT} before you publish it"
        )
    options = SplitOptions.of_record(record)
    real = kept.filter(pc.is_null(kept["parent_id"]))
    parts = [parts_of(real, options)]
    parts += [parts_of(resplit(workspace, real, seed), options) for seed in range(1, options.repeats)]
    names = options.held_out_parts or tuple(map(str, range(int(parts[0].max()) + 1)))
    links = tuple(record.get("links", ()))
    split = PublishedSplit(options, names, links, real["face_id"].combine_chunks(), np.stack(parts))
    _write(split, file)
    return split.digest


def verify_split(workspace: WorkspaceLike, file: Path | str) -> SplitCheck:
    """Compare the split of a dataset with a published one. Nothing is changed.

    Args:
        workspace: the workspace of the manifest.
        file: path of a file that `publish_split` wrote.

    Raises:
        InputError: the file is no published split, or there is no manifest.
        SchemaError: the file is damaged.
    """
    published = read_published(Path(file))
    columns = ("face_id", "fold", "split", "parent_id")
    kept = store.read_faces(Workspace(workspace), columns, [("status", "=", "kept")])
    real = kept.filter(pc.is_null(kept["parent_id"]))
    there = parts_of(real, published.options)
    place = pc.fill_null(pc.index_in(published.faces, value_set=real["face_id"].combine_chunks()), -1).to_numpy()
    lacking = np.flatnonzero(place < 0)
    moved = np.flatnonzero((place >= 0) & (there[place] != published.parts[0]))
    listed = pc.is_in(real["face_id"], value_set=published.faces).to_numpy()
    further = np.flatnonzero(~listed & (there >= 0))
    differences = []
    if len(lacking):
        differences.append(
            f"{len(lacking)} faces of the published split are not among the kept faces, such as "
            f"{published.faces[int(lacking[0])].as_py()}"
        )
    if len(further):
        face = real["face_id"][int(further[0])].as_py()
        differences.append(f"{len(further)} faces have a part and are not in the published split, such as {face}")
    if len(moved):
        first = int(moved[0])
        here = int(there[place[first]])
        differences.append(
            f"{len(moved)} faces are in another part, such as {published.faces[first].as_py()}, which is in "
            f"{_name(published.options, int(published.parts[0][first]))} of the published split and in "
            f"{_name(published.options, here)} here"
        )
    return SplitCheck(published.digest, len(published.faces), tuple(differences))


def _name(options: SplitOptions, part: int) -> str:
    if part < 0:
        return "no part"
    return options.held_out_parts[part] if options.held_out_parts else f"fold {part}"


def read_published(file: Path) -> PublishedSplit:
    """Return a published split after checking its digest.

    Raises:
        InputError: the file is no published split, has another version or was changed.
        SchemaError: the file is damaged.
    """
    if not file.is_file():
        raise InputError(f"{file} is not a file; give a split that was published")
    table = read_parquet(file, remedy=_REMEDY)
    try:
        about = json.loads((table.schema.metadata or {})[_KEY])
        if about["version"] != _VERSION:
            raise InputError(f"{file} has version {about['version']} of published splits; use a newer fertools")
        split = _parse(table, about)
    except (KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        raise InputError(f"{file} is no published split of fertools; {_REMEDY}") from error
    if split.digest != about["digest"]:
        raise InputError(f"{file} was changed after it was published; {_REMEDY}")
    return split


def _parse(table: pa.Table, about: Mapping[str, Any]) -> PublishedSplit:
    names = [name for name in table.column_names if name != "face_id"]
    raw = table["face_id"].cast(pa.binary()).to_pylist()
    return PublishedSplit(
        SplitOptions.of_record(about["options"]),
        tuple(about["names"]),
        tuple(about["links"]),
        pa.array([octets.hex() for octets in raw], pa.string()),
        np.stack([table[name].to_numpy() for name in names]).astype(np.int64),
    )


def _write(split: PublishedSplit, file: Path) -> None:
    octets = [bytes.fromhex(name) for name in split.faces.to_pylist()]
    columns = {"face_id": pa.array(octets, pa.binary(16))}
    for number, parts in enumerate(split.parts):
        columns["part" if not number else f"repeat_{number}"] = pa.array(parts, pa.int32())
    about = {
        "version": _VERSION,
        "options": split.options.record(),
        "names": list(split.names),
        "links": list(split.links),
        "faces": len(split.faces),
        "digest": split.digest,
    }
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(about, sort_keys=True)})
    with files.replacing(file) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
