"""Write a descriptor for a folder into a workspace, after it was tried on that folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace
from fertools.sources.datasets.drafting import Draft, write_draft
from fertools.sources.datasets.parsing import read_descriptor
from fertools.sources.datasets.reading import DatasetReading, read_dataset
from fertools.sources.datasets.recognition import choose_layout
from fertools.sources.datasets.tree import Tree


@dataclass(frozen=True)
class Drafted:
    """A descriptor that was tried on its folder.

    Attributes:
        name: name of the dataset.
        text: content of the TOML file.
        reading: what the folder contains by it.
    """

    name: str
    text: str
    reading: DatasetReading


def draft_dataset(workspace: Workspace, tree: Tree, draft: Draft) -> Drafted:
    """Return the descriptor of a folder, and what the folder contains by it; nothing is written to the workspace.

    Args:
        workspace: workspace whose lexicon applies.
        tree: files of the folder.
        draft: what the descriptor shall say.

    Raises:
        InputError: the workspace has a descriptor of this name, or the template does not fit the folder.
    """
    path = _path(workspace, draft.name)
    if path.exists():
        raise InputError(f"{path} exists; give another name, or change that file")
    text = write_draft(draft, tree)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, encoding="utf-8")
        descriptor = read_descriptor(trial, is_own=True)
    reading = read_dataset(tree, descriptor, choose_layout(tree, descriptor), load_lexicon(workspace.root))
    return Drafted(draft.name, text, reading)


def save_descriptor(workspace: Workspace, drafted: Drafted) -> Path:
    """Write a descriptor to `manifests/` of the workspace and return its path.

    Args:
        workspace: the workspace.
        drafted: the descriptor.

    Raises:
        StorageError: the file cannot be written.
    """
    path = _path(workspace, drafted.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, drafted.text)
    return path


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.manifest.parent / f"{name}.toml"
