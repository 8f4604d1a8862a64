"""What an experiment is, read from `training/experiments/<name>.toml`.

A file names its protocol, its steps and the paper's numbers. A step is a training run per fold; where a setting holds
`{step}`, it stands for the folder of that step's run in the same fold, which is how one step needs another:

    [steps.source]
    system = "classifier"
    over = "fold"

    [steps.tuned]
    system = "classifier"
    over = "fold"
    test = true
    set = { pretrained = "{source}/models/network.safetensors" }
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from fertools.core import package_data
from fertools.core.errors import InputError, RecipeError
from fertools.core.toml import shown, table_in
from fertools.training.evaluation.prediction_metrics import MEASURES
from fertools.training.recipes.recipe import nearest

Protocol = Literal["k-fold", "leave-one-subject-out", "hold-out"]
Over = Literal["fold", "once"]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_REFERENCE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Step:
    """A run of a system, once or in every fold.

    Attributes:
        name: of the step.
        title: what tables call it.
        system: what is trained.
        preset: of its recipe; None for the one that suits the device.
        settings: keys of the recipe that differ, by name.
        over: `fold` for a run per fold, which never sees that fold; `once` for one run that all folds share.
        tested: whether its predictions are a result of the experiment.
    """

    name: str
    title: str
    system: str
    preset: str | None
    settings: Mapping[str, Any]
    over: Over
    tested: bool

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps whose runs its settings refer to."""
        texts = [value for value in self.settings.values() if isinstance(value, str)]
        return tuple(dict.fromkeys(name for text in texts for name in _REFERENCE.findall(text)))


@dataclass(frozen=True)
class Reported:
    """A row of a paper's table.

    Attributes:
        method: as the paper calls it.
        step: the step that is the same; None where nothing here is.
        values: mean and half of its interval by measure; half is None where the paper gives none.
    """

    method: str
    step: str | None
    values: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Experiment:
    """A protocol.

    Attributes:
        name: of the file.
        title: in prose.
        source: the paper and table.
        about: what it shows, in a sentence or two.
        protocol: how faces are parted.
        folds: how many there have to be; None for as many as the manifest has.
        leaky: why test faces take part in training, in words; empty where they do not.
        steps: by name, each after those that it needs.
        reported: the paper's numbers.
    """

    name: str
    title: str
    source: str
    about: str
    protocol: Protocol
    folds: int | None
    leaky: str
    steps: Mapping[str, Step]
    reported: tuple[Reported, ...]

    @property
    def tested(self) -> list[Step]:
        """The steps that are results."""
        return [step for step in self.steps.values() if step.tested]


def list_experiments(workspace: Path | None = None) -> dict[str, str]:
    """Return the titles of all experiments, shipped and the workspace's own, by name."""
    folders = [package_data.shipped_folder("training"), *([workspace / "training"] if workspace else [])]
    names = sorted({path.stem for folder in folders for path in (folder / "experiments").glob("*.toml")})
    return {name: read_experiment(name, workspace).title for name in names}


def read_experiment(name: str, workspace: Path | None = None) -> Experiment:
    """Return the experiment of `training/experiments/<name>.toml`, the workspace's own if it has one.

    Raises:
        InputError: there is no such file.
        RecipeError: an unknown key, step or measure, steps that need each other, or nothing that is tested.
    """
    folders = [*([workspace / "training"] if workspace else []), package_data.shipped_folder("training")]
    paths = [folder / "experiments" / f"{name}.toml" for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        known = sorted({path.stem for folder in folders for path in (folder / "experiments").glob("*.toml")})
        raise InputError(f"there is no experiment '{name}'{nearest(name, known)}; there are {', '.join(known)}")
    if not _NAME.fullmatch(name):
        raise RecipeError(f"{path} cannot name an experiment; use small letters, digits and '-'")
    return _read(name, package_data.read_toml(path), str(path))


def _read(name: str, content: Mapping[str, Any], where: str) -> Experiment:
    _only(content, ("title", "source", "about", "protocol", "steps", "reported"), where)
    protocol = _table(content, "protocol", where)
    _only(protocol, ("kind", "folds", "leaky"), f"[protocol] in {where}")
    kind = protocol.get("kind", "k-fold")
    if kind not in get_args(Protocol):
        raise RecipeError(f"kind in [protocol] of {where} is '{kind}'; choose one of {', '.join(get_args(Protocol))}")
    folds = protocol.get("folds")
    if folds is not None and (type(folds) is not int or folds < 2):
        raise RecipeError(f"folds in [protocol] of {where} is {folds!r}; give a whole number from 2, or leave it out")
    table = _table(content, "steps", where)
    steps = {key: _step(key, _table(table, key, where), f"[steps.{key}] in {where}") for key in table}
    if not any(step.tested for step in steps.values()):
        raise RecipeError(f"no step of {where} is tested; write test = true in the one whose predictions count")
    return Experiment(
        name=name,
        title=_text(content, "title", where),
        source=_text(content, "source", where, ""),
        about=_text(content, "about", where, ""),
        protocol=kind,
        folds=folds,
        leaky=_text(protocol, "leaky", where, ""),
        steps=_ordered(steps, where),
        reported=tuple(_reported(row, steps, where) for row in _rows(content, where)),
    )


def _step(name: str, table: Mapping[str, Any], where: str) -> Step:
    _only(table, ("title", "system", "preset", "set", "over", "test"), where)
    if not _NAME.fullmatch(name):
        raise RecipeError(f"{where} cannot name a step; use small letters, digits and '-'")
    over = table.get("over", "fold")
    if over not in get_args(Over):
        raise RecipeError(f"over in {where} is '{over}'; choose one of {', '.join(get_args(Over))}")
    settings = _table(table, "set", where)
    if over == "fold" and "test_folds" in settings:
        raise RecipeError(f"test_folds in {where} is set, but the experiment sets it, fold by fold; leave it out")
    tested = table.get("test", False)
    if type(tested) is not bool:
        raise RecipeError(f"test in {where} is {tested!r}; write true or false")
    return Step(
        name=name,
        title=_text(table, "title", where, name),
        system=_text(table, "system", where),
        preset=_text(table, "preset", where) if "preset" in table else None,
        settings=settings,
        over=over,
        tested=tested,
    )


def _ordered(steps: Mapping[str, Step], where: str) -> dict[str, Step]:
    """Return the steps so that each comes after those that it needs."""
    for step in steps.values():
        for needed in step.needs:
            if needed not in steps:
                raise RecipeError(
                    f"[steps.{step.name}] in {where} refers to '{{{needed}}}', and there is no such step"
                    f"{nearest(needed, steps)}"
                )
            if step.over == "once" and steps[needed].over == "fold":
                raise RecipeError(f"[steps.{step.name}] in {where} runs once and needs {needed}, which has many runs")
    ordered: dict[str, Step] = {}
    while len(ordered) < len(steps):
        ready = [step for step in steps.values() if step.name not in ordered and set(step.needs) <= set(ordered)]
        if not ready:
            left = ", ".join(name for name in steps if name not in ordered)
            raise RecipeError(f"the steps {left} in {where} need each other; one has to come first")
        ordered |= {step.name: step for step in ready}
    return ordered


def _rows(content: Mapping[str, Any], where: str) -> list[Any]:
    rows = content.get("reported", [])
    if not isinstance(rows, list):
        raise RecipeError(f"reported in {where} is {shown(rows)}; write tables, as [[reported]]")
    return rows


def _reported(row: Any, steps: Mapping[str, Step], where: str) -> Reported:
    where = f"[[reported]] in {where}"
    if not isinstance(row, dict):
        raise RecipeError(f"{where} holds {row!r}; write tables")
    _only(row, ("method", "step", *MEASURES), where)
    step = row.get("step")
    if step is not None and (not isinstance(step, str) or step not in steps):
        raise RecipeError(f"{where} names the step '{step}'{nearest(str(step), steps)}; there is none")
    return Reported(
        method=_text(row, "method", where),
        step=step,
        values={name: _value(row[name], f"{name} of {row['method']} in {where}") for name in MEASURES if name in row},
    )


def _value(value: Any, where: str) -> tuple[float, float | None]:
    """Return mean and half of the interval, from a number or a pair of them."""
    parts = value if isinstance(value, list) else [value]
    if len(parts) not in (1, 2) or not all(type(part) in (int, float) and abs(part) < 1e9 for part in parts):
        raise RecipeError(f"{where} is {shown(value)}; write the mean, or [mean, half of its interval]")
    return float(parts[0]), float(parts[1]) if len(parts) == 2 else None


def _only(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for name in table:
        if name not in known:
            raise RecipeError(f"'{name}' is no known key in {where}{nearest(name, known)}; known: {', '.join(known)}")


def _table(content: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    try:
        return table_in(content, name, where)
    except InputError as error:
        raise RecipeError(str(error)) from error


def _text(content: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = content.get(name, default)
    if not isinstance(value, str):
        raise RecipeError(f'{where} has no {name}; write {name} = "..."')
    return value
