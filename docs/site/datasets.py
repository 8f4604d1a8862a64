"""The reference of the datasets, generated from their descriptors."""

from __future__ import annotations

from collections.abc import Iterator

from fertools.cli.dataset_text import show_text
from fertools.ingestion.dataset_preview import list_datasets
from fertools.sources.datasets.descriptor import Descriptor

MARK = "<!-- Generated from the descriptors: docs/site/datasets.py -->"


def render() -> str:
    """Return the reference as Markdown: a section per dataset."""
    return "\n".join(line for descriptor in list_datasets() for line in _section(descriptor))


def _section(descriptor: Descriptor) -> Iterator[str]:
    yield f"## {descriptor.name}\n"
    yield f"{descriptor.title}. {descriptor.about}\n"
    # The same text as that of the command, without the two lines above.
    yield "```text"
    yield "\n".join(show_text(descriptor).splitlines()[3:])
    yield "```\n"
