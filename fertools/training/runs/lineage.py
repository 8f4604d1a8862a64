"""Lineage: the people whose faces a run has learned from, directly or through the runs that it builds upon.

A run may begin with the weights of another run, let another run select its checkpoint, or learn from generated faces.
The people behind those have a part in its training, too. The content of a file of weights decides which run it comes
from, never its path or its name.

`run.json` has the lineage for readers. `people.npy` beside it has a digest of each person, so that any later test can
check whether a person had a part.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from safetensors import SafetensorError, safe_open

from fertools.core import files
from fertools.core.arguments import given
from fertools.core.explain import reading
from fertools.core.hashing import hash_bytes, hash_file
from fertools.core.workspace import Workspace
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.metadata import Record

Role = Literal["weights", "judge", "generated faces"]
"""What a run takes from another: initial weights, the selection of its checkpoint, or training faces."""
PEOPLE_BYTES = 8
"""Bytes of the digest of a person. Among a million people, two share a digest with a probability of 3e-8."""
METADATA_KEY, _PEOPLE_KEY = "fertools.lineage", "fertools.people"
"""Keys in the metadata of a file of weights."""
_RUNS = ("*/*/run.json", "*/*/*/run.json", "*/*/*/*/run.json")
"""Paths of runs below `training/`. Runs inside the folder of another are judges and GAN-train classifiers."""
_WEIGHTS = ("*.safetensors", "*/*.safetensors")
"""Paths of files of weights in the folder of a run."""


@dataclass(frozen=True)
class Lineage:
    """The people and runs that a run has learned from.

    Attributes:
        record: the entry of `run.json`: `run` (`SYSTEM/RUN`), `test_folds` (held out by its own training), `faces`,
            `pixels` and `real_faces` (digests), `people` (their number) and `ancestors` (from `Ancestor.record`).
        people: digest of each person, in hexadecimal.
        validators: digests of the people who were used for validation only; nothing was trained on their faces.
    """

    record: Mapping[str, Any]
    people: frozenset[str]
    validators: frozenset[str] = frozenset()

    @property
    def run(self) -> str:
        """The run, as `SYSTEM/RUN`."""
        return str(self.record["run"])

    def to_metadata(self) -> dict[str, str]:
        """Return the lineage as metadata of a safetensors file, for `read_metadata`."""
        return {
            METADATA_KEY: json.dumps(self.record, ensure_ascii=False, sort_keys=True),
            _PEOPLE_KEY: base64.b64encode(_pack(self).tobytes()).decode("ascii"),
        }


@dataclass(frozen=True)
class Ancestor:
    """A file or run that another run builds upon.

    Attributes:
        role: its use in the run.
        name: its name in the recipe: a path, published weights, or a run.
        digest: digest of the file, or of the table of generated faces.
        lineages: lineages of the runs that it comes from; empty if none is known.
    """

    role: Role
    name: str
    digest: str
    lineages: tuple[Lineage, ...]

    @property
    def people(self) -> frozenset[str]:
        """The digests of the people behind it, as far as they are known."""
        return frozenset().union(*(lineage.people for lineage in self.lineages))

    @property
    def trained_on(self) -> frozenset[str]:
        """The people behind it on whose faces something was trained."""
        return frozenset().union(*(lineage.people - lineage.validators for lineage in self.lineages))

    @property
    def words(self) -> str:
        """Its name in messages."""
        runs = " and ".join(dict.fromkeys(lineage.run for lineage in self.lineages))
        return f"the {self.role} '{self.name}'" + (f" (of the run {runs})" if runs and runs != self.name else "")

    def record(self) -> dict[str, Any]:
        """Return the ancestor in a form that JSON can hold."""
        return {
            "role": self.role,
            "name": self.name,
            "digest": self.digest,
            "runs": [dict(lineage.record) for lineage in self.lineages],
        }


def describe_people(faces: pa.Table) -> frozenset[str]:
    """Return the digest of each person in rows of a manifest; a face without a subject counts as one person.

    Args:
        faces: rows with `subject_id` and `face_id`. With `parent_id`, a generated face stands for its parent.

    Example:
        >>> len(describe_people(pa.table({"subject_id": ["ann", "ann", None], "face_id": ["1", "2", "3"]})))
        2
    """
    names = faces["face_id"]
    if "parent_id" in faces.column_names:
        names = pc.coalesce(faces["parent_id"], names)
    pairs = set(zip(faces["subject_id"].to_pylist(), names.to_pylist(), strict=True))
    return frozenset(digest_person(subject, face) for subject, face in pairs)


def digest_person(subject: str | None, face: str) -> str:
    """Return the digest of a person.

    Args:
        subject: `subject_id`; None if the person is unknown.
        face: `face_id`, which stands for an unknown person.
    """
    kind, name = ("face", face) if subject is None else ("subject", subject)
    return hash_bytes(kind.encode(), name.encode())[: 2 * PEOPLE_BYTES]


def trace_weights(workspace: Workspace, path: Path, name: str, role: Role = "weights") -> Ancestor:
    """Return the origin of a file of weights: its own metadata, and every run that has a file with the same content.

    Args:
        workspace: workspace whose runs are searched.
        path: path of the file.
        name: name of the file in the recipe.
        role: its use in the run.

    Raises:
        OSError: the file cannot be read.
    """
    digest = _digest(path)
    found = [*_embedded_lineage(path), *(read_lineage(run) for run in _runs_with(workspace, path, digest))]
    unique = {json.dumps(entry.record, sort_keys=True): entry for entry in found if entry is not None}
    return Ancestor(role, name, digest, tuple(unique.values()))


def compose_lineage(
    run: str,
    record: Record,
    trained_on: pa.Table,
    ancestors: Sequence[Ancestor],
    real_faces: str,
    validated_on: pa.Table | None = None,
) -> Lineage:
    """Return the lineage of a run that begins.

    Args:
        run: name of the run, as `SYSTEM/RUN`.
        record: content of its `run.json`, with the digest of its pixels.
        trained_on: rows of the training faces.
        ancestors: files and runs that it builds upon.
        real_faces: digest of the rows of all real faces that it was given.
        validated_on: the rows that it chooses its best state by.
    """
    trained = describe_people(trained_on).union(*(ancestor.trained_on for ancestor in ancestors))
    people = trained.union(*(ancestor.people for ancestor in ancestors))
    if validated_on is not None:
        people |= describe_people(validated_on)
    return Lineage(
        {
            "run": run,
            "test_folds": list(record["recipe"]["test_folds"]["value"]),
            "faces": record["data"]["fingerprint"],
            "pixels": record["data"].get("pixels"),
            "real_faces": real_faces,
            "people": len(people),
            "validators": len(people - trained),
            "ancestors": [ancestor.record() for ancestor in ancestors],
        },
        people,
        people - trained,
    )


def write_people(folder: RunFolder, lineage: Lineage) -> None:
    """Write the digests of the people of a run into its folder.

    Raises:
        StorageError: the disk is full.
    """
    stream = io.BytesIO()
    np.save(stream, _pack(lineage), allow_pickle=False)
    files.write_bytes(folder.people_path, stream.getvalue())


def read_lineage(folder: RunFolder) -> Lineage | None:
    """Return the lineage of a run; None if there is no such run, or it has no lineage.

    Raises:
        InputError: its record or its list of people is damaged.
    """
    record = folder.read()
    return None if record is None else load_lineage(folder, record)


def load_lineage(folder: RunFolder, record: Record) -> Lineage | None:
    """Return the lineage of a run; None if it has none.

    Args:
        folder: folder of the run.
        record: content of its `run.json`.

    Raises:
        InputError: its list of people is damaged.
    """
    if not isinstance(record.get("lineage"), dict) or not folder.people_path.is_file():
        return None
    with reading(
        folder.people_path,
        "is not a list of people",
        f"restore it, or train the run again with {given('resume', False)}",
    ):
        return Lineage(record["lineage"], *_unpack(np.load(folder.people_path, allow_pickle=False)))


def read_metadata(metadata: Mapping[str, str]) -> Lineage | None:
    """Return the lineage in the metadata of a file of weights; None if it has none that can be read."""
    try:
        record = json.loads(metadata[METADATA_KEY])
        packed = np.frombuffer(base64.b64decode(metadata[_PEOPLE_KEY], validate=True), np.uint8)
        people, validators = _unpack(packed.reshape(-1, PEOPLE_BYTES + 1))
    except (KeyError, ValueError):
        return None
    known = isinstance(record, dict) and isinstance(record.get("run"), str)
    return Lineage(record, people, validators) if known else None


def _embedded_lineage(path: Path) -> list[Lineage]:
    """Return the lineage in the metadata of a file of weights, if it has one."""
    if path.suffix != ".safetensors":
        return []
    try:
        with safe_open(path, framework="numpy") as content:
            found = read_metadata(content.metadata() or {})
    except SafetensorError:
        # Loading the file raises its own error.
        return []
    return [] if found is None else [found]


def _runs_with(workspace: Workspace, path: Path, digest: str) -> list[RunFolder]:
    """Return the run whose folder has the file, and all runs that have a file of the same content."""
    resolved, size = path.resolve(), path.stat().st_size
    inside = [folder for folder in resolved.parents if (folder / "run.json").is_file()][:1]
    root = workspace.root / "training"
    others = {record.parent.resolve() for pattern in _RUNS for record in root.glob(pattern)} - set(inside)
    same = [
        folder
        for folder in sorted(others)
        if any(
            candidate.stat().st_size == size and _digest(candidate) == digest
            for pattern in _WEIGHTS
            for candidate in folder.glob(pattern)
        )
    ]
    return [RunFolder(folder) for folder in (*inside, *same)]


def _digest(path: Path) -> str:
    """Return the digest of a file; it is cached, as an audit of many runs needs it many times."""
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest_of(path: Path, size: int, mtime_ns: int) -> str:
    del size, mtime_ns
    return hash_file(path)


def _pack(lineage: Lineage) -> np.ndarray:
    """Return a row per person: the digest, and a last byte that is 1 for a validator."""
    coded = (bytes.fromhex(person) + bytes([person in lineage.validators]) for person in sorted(lineage.people))
    return np.frombuffer(b"".join(coded), np.uint8).reshape(-1, PEOPLE_BYTES + 1)


def _unpack(packed: np.ndarray) -> tuple[frozenset[str], frozenset[str]]:
    """Return the people and, among them, the validators."""
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != PEOPLE_BYTES + 1:
        raise ValueError(f"it has the shape {packed.shape} of {packed.dtype}")
    people = [row[:PEOPLE_BYTES].tobytes().hex() for row in packed]
    validators = (person for person, row in zip(people, packed, strict=True) if row[PEOPLE_BYTES])
    return frozenset(people), frozenset(validators)
