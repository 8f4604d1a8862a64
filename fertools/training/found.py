"""Finding a run's predictions by what people call it."""

from __future__ import annotations

from pathlib import Path

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.predictions import PREDICTIONS_NAME
from fertools.training.recipe import nearest


def find_run(workspace: Workspace, name: str) -> Path:
    """Return the folder of a run in which predictions lie.

    Args:
        workspace: whose runs.
        name: `SYSTEM/RUN` or any other folder below `training/`, or a path to a folder or to its predictions.

    Raises:
        InputError: there is no such folder, or it has no predictions; runs that have some are named.
    """
    given = Path(name).expanduser()
    for folder in (workspace.root / "training" / name, given.parent if given.name == PREDICTIONS_NAME else given):
        if (folder / PREDICTIONS_NAME).is_file():
            return folder.resolve()
    known = known_runs(workspace)
    listed = nearest(name, known) or (f"; there are {', '.join(known[:10])}" if known else "")
    train_first = "" if known else "; train something that predicts, such as `fertools train classifier`"
    raise InputError(f"there are no predictions of a run '{name}' in {workspace.root}{listed}{train_first}")


def known_runs(workspace: Workspace) -> list[str]:
    """Return the names of all runs in a workspace that have predictions, in alphabetical order."""
    root = workspace.root / "training"
    return sorted(path.parent.relative_to(root).as_posix() for path in root.glob(f"**/{PREDICTIONS_NAME}"))


def name_run(workspace: Workspace, folder: Path) -> str:
    """Return what a run's folder is called in tables: its place below `training/`, else its own name."""
    root = workspace.root / "training"
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.name
