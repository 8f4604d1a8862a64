"""Find the predictions or generated faces of a run by its name."""

from __future__ import annotations

import glob
import json
from pathlib import Path

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.spelling import nearest
from fertools.core.workspace import Workspace
from fertools.training.evaluation.translations import TRANSLATIONS_NAME
from fertools.training.runs.folder import PREDICTIONS_NAME, RunFolder

EVALUATION_NAME = "evaluation.json"
"""The metrics of an experiment, in its folder; the joined predictions of its steps are in folders beside it."""
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
    train_first = "" if known else f"; train something first, such as {calls.TRAIN_CLASSIFIER}"
    raise InputError(
        f"there are no predictions or translations of a run '{name}' in {workspace.root}{listed}{train_first}"
    )


def find_methods(workspace: Workspace, experiment: str) -> dict[str, list[Path]]:
    """Return the tables of predictions of each method of an experiment, one for each repeat, by title.

    Args:
        workspace: workspace with the experiment.
        experiment: name of the experiment.

    Raises:
        InputError: there is no finished experiment of this name, its results are damaged, or no method predicts.
    """
    root = workspace.runs("experiments")
    name = experiment.removeprefix("experiments/")
    path = root / name / EVALUATION_NAME
    if not path.is_file():
        known = sorted(found.parent.name for found in root.glob(f"*/{EVALUATION_NAME}"))
        listed = nearest(name, known) or (f"; there are {', '.join(known)}" if known else "; run one first")
        raise InputError(f"there is no finished experiment '{name}' in {workspace.root}{listed}")
    with reading(path, "is no evaluation of an experiment", "run the experiment again to write it"):
        steps = [(str(step["name"]), str(step["title"])) for step in json.loads(path.read_bytes())["steps"]]
    methods = {}
    for step, title in steps:
        alone = path.parent / step / PREDICTIONS_NAME
        repeats = sorted(path.parent.glob(f"{glob.escape(step)}.repeat-*/{PREDICTIONS_NAME}"))
        if found := [alone] if alone.is_file() else repeats:
            methods[title] = found
    if not methods:
        raise InputError(f"no method of the experiment '{name}' predicts; name another one")
    return methods


def known_runs(workspace: Workspace) -> list[str]:
    """Return the names of all runs in a workspace that have predictions or translations, in alphabetical order."""
    root = workspace.root / "training"
    return sorted(path.parent.relative_to(root).as_posix() for table in _NAMES for path in root.glob(f"**/{table}"))


def name_run(workspace: Workspace, folder: Path) -> str:
    """Return the name of a run in tables: its path below `training/`, else the name of its folder."""
    root = workspace.root / "training"
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.name


def read_leaks(folder: Path) -> list[str]:
    """Return how test people took part in the training of a run or of an experiment's step; empty if they did not.

    Args:
        folder: folder that `find_run` returned.

    Raises:
        InputError: the run's record is damaged.
    """
    if record := RunFolder(folder).read():
        return [str(leak) for leak in (record.get("lineage") or {}).get("leaks", ())]
    evaluation = folder.parent / EVALUATION_NAME
    if not evaluation.is_file():
        return []
    with reading(evaluation, "is no evaluation of an experiment", "run the experiment again to write it"):
        protocol = json.loads(evaluation.read_text(encoding="utf-8"))["protocol"]
    return [f"the protocol leaks, as it declares: {protocol['leaky']}"] if protocol["leaky"] else []
