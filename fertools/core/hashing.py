"""Content hashes: identifiers that depend only on content, not on paths or times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DIGEST_BYTES = 16
"""128 bits: among a billion items, the probability of a collision is about 1e-21."""


def hash_bytes(*parts: bytes) -> str:
    """Return the BLAKE2b-128 hex digest of `parts`; each part is hashed with its length, so boundaries matter."""
    return hash_parts(parts)


def hash_parts(parts: Iterable[bytes | memoryview]) -> str:
    """Return the digest of `hash_bytes` for parts that come one at a time, so that they need not fit in memory."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the BLAKE2b-128 hex digest of the content of a file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()


def fingerprint(content: Any) -> str:
    """Return a digest of a JSON-like value; the order of keys does not matter.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hash_bytes(text.encode())
