"""Find the predictions or generated faces of a run by its name."""

from __future__ import annotations

from pathlib import Path

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.evaluation.translations import TRANSLATIONS_NAME
from fertools.training.recipes.recipe import nearest
from fertools.training.runs.folder import PREDICTIONS_NAME

_NAMES = (PREDICTIONS_NAME, TRANSLATIONS_NAME)


def find_run(workspace: Workspace, name: str) -> Path:
    """Return the folder of a run that has predictions or translations.

    Args:
        workspace: workspace with the runs.
        name: `SYSTEM/RUN`, another folder below `training/`, or the path of a folder or of its table.

    Raises:
        InputError: there is no such folder, or it has no table; the message names runs that have one.
    """
    given = Path(name).expanduser()
    for folder in (workspace.root / "training" / name, given.parent if given.name in _NAMES else given):
        if any((folder / table).is_file() for table in _NAMES):
            return folder.resolve()
    known = known_runs(workspace)
    listed = nearest(name, known) or (f"; there are {', '.join(known[:10])}" if known else "")
    train_first = "" if known else "; train something first, such as `fertools train classifier`"
    raise InputError(
        f"there are no predictions or translations of a run '{name}' in {workspace.root}{listed}{train_first}"
    )


def known_runs(workspace: Workspace) -> list[str]:
    """Return the names of all runs in a workspace that have predictions or translations, in alphabetical order."""
    root = workspace.root / "training"
    return sorted(path.parent.relative_to(root).as_posix() for table in _NAMES for path in root.glob(f"**/{table}"))


def name_run(workspace: Workspace, folder: Path) -> str:
    """Return the name of a run in tables: its path below `training/`, else the name of its folder."""
    root = workspace.root / "training"
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.name
