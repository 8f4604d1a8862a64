"""Sources of a manifest that are gone, or whose content is no longer what was ingested."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.sources.archives.opened import exists, hash_content, stamp
from fertools.splits.audit.audit_finding import Finding, Severity

_NAMED = 3


def find_changed_sources(workspace: Workspace) -> Iterator[Finding]:
    """Yield the sources that are missing, and those whose content has changed since they were ingested.

    The identifier of a source is the digest of its content. Files are read whose size or time of change differs from
    those that the last ingest wrote down.
    """
    if not workspace.sources.is_file():
        return
    sources = store.read_sources(workspace, ["source_id", "path"], [("status", "in", ["done", "empty"])]).to_pylist()
    missing, changed, stamps = [], [], _stamps(workspace)
    for source in sources:
        path = workspace.path_of(source["path"])
        if not exists(path):
            missing.append(source["path"])
            continue
        try:
            now = stamp(path)
            same = stamps.get(source["path"]) == [now.size_bytes, now.modified_ns, source["source_id"]]
            if not same and hash_content(path) != source["source_id"]:
                changed.append(source["path"])
        except (OSError, InputError):
            changed.append(source["path"])
    yield from _said("missing-source", "warning", "sources that do not exist any more", missing)
    yield from _said("changed-source", "error", "sources whose content is not what was ingested", changed)


def _stamps(workspace: Workspace) -> dict[str, list[Any]]:
    """Return the size, time of change and digest of each file, as the last ingest found them."""
    try:
        content = json.loads(workspace.digests.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _said(kind: str, severity: Severity, words: str, paths: Sequence[str]) -> Iterator[Finding]:
    if paths:
        named = ", ".join(paths[:_NAMED])
        yield Finding(kind, severity, f"{words}: {len(paths):,} ({named}{' and others' if paths[_NAMED:] else ''})")
