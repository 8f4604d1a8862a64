"""Published protocols by name: the descriptors of datasets say how papers split them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.manifests.schema import ANIMATED
from fertools.sources.datasets.descriptor import Protocol
from fertools.sources.datasets.registry import descriptor_names, find_near, load_descriptor
from fertools.splits.protocol import Balance


@dataclass(frozen=True)
class NamedProtocol:
    """A published protocol.

    Attributes:
        dataset: name of its dataset.
        facts: what the descriptor of the dataset says about it.
    """

    dataset: str
    facts: Protocol

    @property
    def balance(self) -> Balance:
        """What decides the fold of a person."""
        return "turns" if self.facts.turns else "classes"

    def compare(self, kept: pa.Table) -> list[str]:
        """Return a sentence for each difference between a manifest and the published dataset.

        Args:
            kept: the kept faces, with `dataset`, `modality`, `subject_id` and `emotion`.

        Raises:
            InputError: a face is of another dataset.
        """
        name, facts = self.facts.name, self.facts
        other = kept.filter(pc.fill_null(pc.not_equal(kept["dataset"], self.dataset), True))
        if len(other):
            found = other["dataset"][0].as_py()
            raise InputError(
                f"the protocol {name} is for the dataset {self.dataset}, and {len(other)} of {len(kept)} faces are "
                f"{'of no dataset' if found is None else f'of {found}'}; ingest it alone with {argument('dataset')} "
                f"{self.dataset}, or give the options of a split yourself"
            )
        notes = []
        people = kept.filter(pc.not_equal(kept["modality"], ANIMATED))
        count = pc.count_distinct(people["subject_id"]).as_py()
        if facts.subjects is not None and count != facts.subjects:
            notes.append(f"{name} has {facts.subjects} people, but the manifest has {count}")
        shown = set(pc.unique(kept["emotion"].drop_null()).to_pylist())
        if facts.emotions and (extra := sorted(shown - set(facts.emotions))):
            notes.append(f"{name} leaves out {', '.join(extra)}, but the manifest has faces of that; reject them")
        if lacking := [emotion for emotion in facts.emotions if emotion not in shown]:
            notes.append(f"{name} has {', '.join(lacking)}, but the manifest has no face of that")
        if not facts.verified:
            notes.append(f"the facts of {name} were not checked against two independent sources")
        return notes


def find_protocol(name: str, workspace: Path | None = None) -> NamedProtocol:
    """Return a published protocol; a descriptor of the workspace takes precedence over that of fertools.

    Args:
        name: name of the protocol, such as `ckplus-10fold`.
        workspace: root folder of a workspace; None for the descriptors of fertools.

    Raises:
        InputError: there is no such protocol.
    """
    known = {protocol.facts.name: protocol for protocol in _protocols(workspace)}
    if name not in known:
        near = find_near(name, list(known))
        hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
        raise InputError(f"there is no {argument('protocol')} '{name}'; {hint}")
    return known[name]


def protocol_names(workspace: Path | None = None) -> list[str]:
    """Return the names of all published protocols.

    Example:
        >>> "ckplus-10fold" in protocol_names()
        True
    """
    return [protocol.facts.name for protocol in _protocols(workspace)]


def _protocols(workspace: Path | None) -> Iterator[NamedProtocol]:
    for dataset in descriptor_names(workspace):
        # An invalid descriptor of another dataset does not matter here.
        with contextlib.suppress(InputError):
            for facts in load_descriptor(dataset, workspace).protocol:
                if facts.name:
                    yield NamedProtocol(dataset, facts)
