"""Copies of one picture in two parts, with two labels, or under two subjects; and files that cannot be read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from fertools.core.hashing import hash_file
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.membership_findings import finding, spans
from fertools.splits.audit.near_duplicates import Copies
from fertools.splits.audit.picture_hash import PictureFacts

_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
"""Functions by the number of hex digits of their checksums."""


def find_duplicates(table: AuditTable, copies: Copies) -> Iterator[Finding]:
    """Yield what is wrong with copies of one picture."""
    groups = {"exact": _clusters(table, copies, exact=True), "all": _clusters(table, copies, exact=False)}
    exact_across = [rows for rows in groups["exact"] if spans(table, rows)]
    yield from finding("duplicate-across", "leak", "pictures that are in two parts, pixel for pixel", exact_across)
    known = {row for rows in exact_across for row in rows}
    near_across = [rows for rows in groups["all"] if spans(table, rows) and not known & set(rows)]
    yield from finding("near-duplicate-across", "leak", "nearly equal or mirrored pictures in two parts", near_across)
    labels, subjects = table.column("emotion"), table.column("subject")
    conflicts = [rows for rows in groups["all"] if len({labels[row] for row in rows} - {None}) > 1]
    yield from finding("label-conflict", "error", "pictures with copies that have another label", conflicts)
    people = [rows for rows in groups["all"] if len({subjects[row] for row in rows} - {None}) > 1]
    yield from finding("one-face-two-subjects", "error", "pictures with copies of another subject", people)
    inside = [rows for rows in groups["all"] if not spans(table, rows)]
    yield from finding("duplicate-inside", "note", "pictures with copies in the same part", inside)


def _clusters(table: AuditTable, copies: Copies, *, exact: bool) -> list[list[int]]:
    """Return the rows of each cluster of two or more copies."""
    chosen = Copies(copies.pairs[copies.exact], copies.mirrored[copies.exact], copies.exact[copies.exact])
    members: dict[int, list[int]] = defaultdict(list)
    for row, cluster in enumerate((chosen if exact else copies).clusters(len(table)).tolist()):
        members[cluster].append(row)
    return [rows for rows in members.values() if len(rows) > 1]


def find_bad_files(table: AuditTable, facts: PictureFacts) -> Iterator[Finding]:
    """Yield files that are missing, damaged, empty or changed since their checksum was taken."""
    missing, damaged, changed = [], [], []
    for row, (path, checksum) in enumerate(zip(table.paths, table.column("checksum"), strict=True)):
        if path is None:
            continue
        if not path.is_file():
            missing.append((row,))
        elif not facts.readable[row]:
            damaged.append((row,))
        if checksum is not None and path.is_file() and str(checksum).lower() not in _digests(table, row, str(checksum)):
            changed.append((row,))
    flat = [(row,) for row in facts.flat.nonzero()[0].tolist()]
    yield from finding("missing-file", "error", "files that do not exist", missing)
    yield from finding("damaged-file", "error", "files that cannot be decoded", damaged)
    yield from finding("checksum-drift", "error", "files that differ from their checksum", changed)
    yield from finding("flat-picture", "warning", "pictures of one grey level", flat)


def _digests(table: AuditTable, row: int, checksum: str) -> set[str]:
    path = table.paths[row]
    if path is None:
        return set()
    found = {hash_file(path)} if len(checksum) == 32 else set()
    if (name := _DIGESTS.get(len(checksum))) is not None:
        with path.open("rb") as stream:
            found.add(hashlib.file_digest(stream, name).hexdigest())
    return found
