"""Which given files an ingest leaves out, because the workspace has forgotten them (`fertools.transfer.forget`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.source_options import SECTION, dataset_key
from fertools.manifests.tombstones import GIVEN_ORIGINS, Tombstones

_DECIDES_LATER = ("quality", "max_faces", "kept_from", "mixed_detectors")
"""Options that change which faces are kept, but not their identifiers."""


@dataclass(frozen=True)
class ForgottenFiles:
    """Tells which files are forgotten.

    Attributes:
        tombstones: the tombstones of the workspace.
        record: the record of this ingest, as in the section `ingest` of `fertools.toml`.
        described: the options of each dataset and modality, as in its section `sources`.
    """

    tombstones: Tombstones = field(default_factory=Tombstones)
    record: Mapping[str, Any] = field(default_factory=dict)
    described: Mapping[str, Any] = field(default_factory=dict)

    def is_forgotten(self, source_id: str, subject_id: str | None, subject_origin: str | None) -> bool:
        """Return whether a source, or the person in it, is forgotten.

        Args:
            source_id: digest of the content; that of the name if the file cannot be read.
            subject_id: subject that the path or the dataset names, or None.
            subject_origin: where `subject_id` comes from.
        """
        of_subject = subject_origin in GIVEN_ORIGINS and self.tombstones.has("subject", subject_id)
        return of_subject or self.tombstones.has("source", source_id)

    def is_unsure(self, source_id: str, dataset: str | None, modality: str) -> bool:
        """Return whether a source has forgotten faces that other options of an ingest found.

        A face has its identifier from its place among the faces of its frame. Other options find other faces, so the
        forgotten ones could not be recognised.

        Args:
            source_id: digest of the content.
            dataset: dataset of the source, or None.
            modality: modality of the source.
        """
        if not self.tombstones.has("shared", source_id):
            return False
        own = self.described.get(dataset_key({"dataset": dataset, "modality": modality}), {})
        return not self.tombstones.has("ingest", name_of_ingest(source_id, self.record, own))


def name_of_ingest(source_id: str, record: Mapping[str, Any], source_options: Mapping[str, Any]) -> str:
    """Return the name of a source together with the options that decide which faces are found in it.

    Args:
        source_id: identifier of the source.
        record: the section `ingest` of `fertools.toml`.
        source_options: the options of the dataset and modality of the source, from the section `sources`.
    """
    told = {**IngestOptions().recorded(), **record}
    kept = {key: value for key, value in told.items() if key not in _DECIDES_LATER and value is not None}
    digest = hash_bytes(json.dumps([kept, dict(source_options)], sort_keys=True, default=str).encode())
    return f"{source_id} {digest}"


def names_of_ingests(workspace: Workspace, rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of some sources together with the options that they were ingested with.

    Args:
        workspace: the workspace.
        rows: `source_id`, `dataset` and `modality` of the sources.
    """
    settings = workspace.settings()
    record, described = settings.get("ingest", {}), settings.get(SECTION, {})
    return [name_of_ingest(row["source_id"], record, described.get(dataset_key(row), {})) for row in rows]
