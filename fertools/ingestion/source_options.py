"""Options that describe the given sources, recorded for each dataset and modality of a workspace.

A workspace may hold several datasets and modalities, such as visible videos and thermal face crops, and each has its
own options. So options are compared only if the same dataset and modality are ingested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fertools.core.arguments import argument, given
from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.ingestion.options import SOURCE_OPTIONS, IngestOptions
from fertools.sources.grey_range import GreyRange

SECTION = "sources"
"""Section of `fertools.toml` that holds the record."""
_NAMES = ("dataset", "modality")
"""Options that identify a record."""


def describe_source_options(
    workspace: Workspace,
    options: IngestOptions,
    datasets: Iterable[tuple[str | None, str]],
    described: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the workspace's record of the source options, or refuse sources with other options.

    Args:
        workspace: workspace of the ingest.
        options: options of this run.
        datasets: names of the datasets of the given sources, each with its modality.
        described: what a descriptor adds to the record: its name, layout, and whether it means the largest face.

    Raises:
        ResumeRefused: a dataset was ingested in this modality with another option; the message names the first.
    """
    recorded = workspace.settings().get(SECTION, {})
    now = {name: value for name, value in asdict(options).items() if name in SOURCE_OPTIONS and name not in _NAMES}
    # Without a descriptor, it does not matter how that was said.
    del now["descriptor"]
    if options.sequence_from == "none":
        # Records of earlier versions have no such rule.
        del now["sequence_from"]
    now |= described or {}
    if options.landmarks is not None:
        # The content of the table matters, not its path.
        now["landmarks"] = hash_file(options.landmarks)
    if options.table is not None:
        now["table"] = hash_file(options.table)
    if options.columns is not None:
        now["columns"] = str(options.columns)
    if options.grey_range is not None:
        now["grey_range"] = str(options.grey_range)
    now = {name: list(value) if isinstance(value, tuple) else value for name, value in now.items() if value is not None}
    for key in sorted({_key(*dataset) for dataset in datasets}):
        _refuse_other(workspace, key, recorded.get(key, now), now)
        recorded = {**recorded, key: now}
    return dict(sorted(recorded.items()))


def join_source_options(workspaces: Sequence[Workspace]) -> dict[str, Any]:
    """Return the joined records of several workspaces.

    Raises:
        ResumeRefused: two of them ingested one dataset and modality with different options.
    """
    joined: dict[str, Any] = {}
    for workspace in workspaces:
        for key, options in workspace.settings().get(SECTION, {}).items():
            _refuse_other(workspace, key, joined.get(key, options), options)
            joined[key] = options
    return dict(sorted(joined.items()))


def dataset_key(row: Mapping[str, Any]) -> str:
    """Return the key of a source's record: its dataset and modality.

    Args:
        row: row of the sources table.
    """
    return _key(row["dataset"], row["modality"])


def crop_datasets(workspace: Workspace) -> dict[str, bool]:
    """Return whether the sources of each dataset and modality are face crops, by `dataset_key`."""
    return {key: bool(options["crops"]) for key, options in workspace.settings().get(SECTION, {}).items()}


def one_face_datasets(workspace: Workspace) -> dict[str, bool]:
    """Return whether the labels of each dataset and modality mean the largest face only, by `dataset_key`."""
    return {key: bool(options.get("one_face")) for key, options in workspace.settings().get(SECTION, {}).items()}


def grey_ranges(workspace: Workspace) -> dict[str, GreyRange]:
    """Return the range of wide grey values of each dataset and modality that was given one, by `dataset_key`."""
    recorded = workspace.settings().get(SECTION, {})
    return {key: GreyRange.parse(options["grey_range"]) for key, options in recorded.items() if "grey_range" in options}


def _key(dataset: str | None, modality: str) -> str:
    return f"{dataset or 'unnamed'} ({modality})"


def _refuse_other(workspace: Workspace, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name in sorted({*old, *new}):
        if old.get(name, "unset") != new.get(name, "unset"):
            raise ResumeRefused(
                f"the dataset {key} in {workspace.root} was ingested with {name} {old.get(name, 'unset')}, not "
                f"{new.get(name, 'unset')}; give the same again, name the sources with {argument('dataset')}, use "
                "another "
                f"{argument('workspace')}, or begin again with {given('overwrite', True)}"
            )
