"""Content hashes: names that depend on what something is, never on where it lies or when it was found."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

DIGEST_BYTES = 16
"""128 bits: among a billion items, a chance of about 1e-21 that any two share a name."""


def hash_bytes(*parts: bytes) -> str:
    """Return the BLAKE2b-128 hex digest of `parts`, each preceded by its length so that joints matter."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the BLAKE2b-128 hex digest of the content of the file at `path`.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()


def fingerprint(content: Any) -> str:
    """Return a digest of a JSON-like value that does not depend on the order of its keys.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hash_bytes(text.encode())
