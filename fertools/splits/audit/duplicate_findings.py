"""Copies of one picture in two parts, with two labels, or under two subjects; and files that cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fertools.core.hashing import hash_file
from fertools.splits.audit.audit_finding import Finding, count_cases
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.cases import Cases
from fertools.splits.audit.coded_column import Bools, Codes, Integers
from fertools.splits.audit.membership_findings import find_torn
from fertools.splits.audit.near_duplicates import Copies
from fertools.splits.audit.picture_hash import PictureFacts

_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
"""Functions by the number of hex digits of their checksums."""


def find_duplicates(table: AuditTable, copies: Copies) -> Iterator[Finding]:
    """Yield what is wrong with copies of one picture."""
    parts = table.parts.codes
    exact, near = (_clusters(chosen, len(table)) for chosen in (copies.only(copies.exact), copies))
    words = "pictures that are in two parts, pixel for pixel"
    torn = find_torn(exact, parts)
    yield from count_cases("duplicate-across", "leak", words, Cases.by(exact[torn], torn))
    torn = find_torn(_without(near, torn), parts)
    words = "nearly equal or mirrored pictures in two parts"
    yield from count_cases("near-duplicate-across", "leak", words, Cases.by(near[torn], torn))
    for kind, column, words in (
        ("label-conflict", "emotion", "pictures with copies that have another label"),
        ("one-face-two-subjects", "subject", "pictures with copies of another subject"),
    ):
        rows = np.flatnonzero(_whole(near, find_torn(near, table.column(column).codes)))
        yield from count_cases(kind, "error", words, Cases.by(near[rows], rows))
    inside = np.flatnonzero((near >= 0) & ~_whole(near, find_torn(near, parts)))
    yield from count_cases(
        "duplicate-inside", "note", "pictures with copies in the same part", Cases.by(near[inside], inside)
    )


def _clusters(copies: Copies, count: int) -> Codes:
    """Return the cluster of each row; -1 for a row without a copy."""
    clusters = copies.clusters(count)
    return np.where(np.bincount(clusters, minlength=1)[clusters] > 1, clusters, -1).astype(np.int32)


def _whole(clusters: Codes, rows: Integers) -> Bools:
    """Return (N,) whether a row is in a cluster with one of some rows."""
    return np.asarray((clusters >= 0) & np.isin(clusters, clusters[rows]), np.bool_)


def _without(clusters: Codes, rows: Integers) -> Codes:
    """Return the clusters; -1 for those with one of some rows."""
    return np.where(_whole(clusters, rows), np.int32(-1), clusters)


def find_bad_files(table: AuditTable, facts: PictureFacts) -> Iterator[Finding]:
    """Yield files that are missing, damaged, empty or changed since their checksum was taken."""
    missing, damaged, changed = [], [], []
    checksums = table.column("checksum")
    for row in np.flatnonzero(~facts.readable | checksums.known).tolist():
        path, checksum = table.path(row), checksums[row]
        if path is None:
            continue
        if not path.is_file():
            missing.append(row)
            continue
        if not facts.readable[row]:
            damaged.append(row)
        if checksum is not None and str(checksum).lower() not in _digests(path, str(checksum)):
            changed.append(row)
    for kind, words, rows in (
        ("missing-file", "files that do not exist", missing),
        ("damaged-file", "files that cannot be decoded", damaged),
        ("checksum-drift", "files that differ from their checksum", changed),
    ):
        yield from count_cases(kind, "error", words, Cases.each(np.array(rows, np.int64)))
    yield from count_cases("flat-picture", "warning", "pictures of one grey level", Cases.each(facts.flat.nonzero()[0]))


def _digests(path: Path, checksum: str) -> set[str]:
    found = {hash_file(path)} if len(checksum) == 32 else set()
    if (name := _DIGESTS.get(len(checksum))) is not None:
        with path.open("rb") as stream:
            found.add(hashlib.file_digest(stream, name).hexdigest())
    return found
