"""The definition of an experiment, read from `training/experiments/<name>.toml`.

A file has the protocol, the steps and the paper's numbers. The steps form a graph. `{name}` in a text of a step stands
for the folder of another step's run in the same fold, pair of folds and repeat:

    [steps.source]
    system = "classifier"

    [steps.tuned]
    system = "classifier"
    test = true
    set = { pretrained = "{source}/models/network.safetensors" }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from fertools.core import package_data
from fertools.core.errors import InputError, RecipeError
from fertools.core.spelling import nearest
from fertools.core.toml import shown
from fertools.training.evaluation.prediction_metrics import METRICS
from fertools.training.experiments.experiment_steps import (
    NAME,
    EvaluateStep,
    GenerateStep,
    SelectStep,
    Step,
    TrainStep,
    read_step,
)
from fertools.training.experiments.tables import check_keys, table_of, text_of
from fertools.training.experiments.variants import PROTOCOL_KEYS, Kind, find_variant, lay_over, list_variants
from fertools.training.recipes.recipe import Recipe
from fertools.training.systems.registry import find_system

Protocol = Literal["k-fold", "leave-one-subject-out", "hold-out"]
VALIDATION_KEY = "val_share"
"""Recipe key for the share of training people who are kept for validation."""


@dataclass(frozen=True)
class Reported:
    """A row of a paper's table.

    Attributes:
        method: the paper's name of the method.
        step: the step that reproduces it; None if no step does.
        table: title of the table, where a paper has several; empty for the only one.
        classes: number of classes; None if the table does not mix numbers of classes.
        values: mean and half width of its interval, by metric; the half width is None if the paper gives none.
    """

    method: str
    step: str | None
    table: str
    classes: int | None
    values: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Compared:
    """Two steps to compare.

    Attributes:
        first: the step that is expected to be better.
        second: the step that it is compared with.
        classes: classes to test the recall of as well.
    """

    first: str
    second: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """A protocol with its steps.

    Attributes:
        name: name of the file, followed by the chosen protocol and preset if the file has any, such as
            `et-cyclegan.in-sample.smoke`.
        title: the experiment's title.
        source: the paper and table that it reproduces.
        about: what it shows, in a sentence or two.
        protocol: how the faces are split.
        folds: the number of folds; None for as many as the manifest has.
        repeats: how often a step over `repeat` runs, each time with another seed.
        new_folds: whether each repeat after the first also has other folds: a complete repetition of the protocol.
        leaky: why training uses test faces; empty if it does not.
        validation: share of the training people that every run keeps for validation; None to use each recipe's own.
        steps: the steps by name, each after the steps that it needs.
        compared: the comparisons to test; empty for all pairs of tested steps.
        reported: the paper's numbers.
        variant: sentences on the chosen protocol and preset; empty if the file has none.
    """

    name: str
    title: str
    source: str
    about: str
    protocol: Protocol
    folds: int | None
    repeats: int
    new_folds: bool
    leaky: str
    validation: float | None
    steps: Mapping[str, Step]
    compared: tuple[Compared, ...]
    reported: tuple[Reported, ...]
    variant: str

    @property
    def tested(self) -> list[Step]:
        """The tested steps: their results are the results of the experiment."""
        return [step for step in self.steps.values() if step.tested]


def list_experiments(workspace: Path | None = None) -> dict[str, str]:
    """Return the titles of all experiments by name: ours, and those of the workspace."""
    folders = [package_data.shipped_folder("training"), *([workspace / "training"] if workspace else [])]
    names = sorted({path.stem for folder in folders for path in (folder / "experiments").glob("*.toml")})
    return {name: read_experiment(name, workspace).title for name in names}


def read_experiment(
    name: str, workspace: Path | None = None, *, protocol: str | None = None, preset: str | None = None
) -> Experiment:
    """Return the experiment of `training/experiments/<name>.toml`; a file in the workspace wins over one of ours.

    Args:
        name: name of the file.
        workspace: root folder of the workspace.
        protocol: one of the file's `[protocols]`; None for the first of them.
        preset: one of the file's `[presets]`; None to leave the steps unchanged.

    Raises:
        InputError: there is no such file, protocol or preset.
        RecipeError: a key, step or metric is unknown, steps need each other, or no step is tested.
    """
    folders = [*([workspace / "training"] if workspace else []), package_data.shipped_folder("training")]
    paths = [folder / "experiments" / f"{name}.toml" for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        known = sorted({path.stem for folder in folders for path in (folder / "experiments").glob("*.toml")})
        raise InputError(f"there is no experiment '{name}'{nearest(name, known)}; there are {', '.join(known)}")
    if not NAME.fullmatch(name):
        raise RecipeError(f"{path} cannot name an experiment; use small letters, digits and '-'")
    content = package_data.read_toml(path)
    names, about = [name], []
    chosen: dict[Kind, str | None] = {"protocols": protocol, "presets": preset}
    chosen["protocols"] = protocol or next(iter(list_variants(content, "protocols", str(path))), None)
    for kind, variant in chosen.items():
        if variant is not None:
            content = lay_over(
                content, find_variant(content, kind, variant, str(path)), f"[{kind}.{variant}] in {path}"
            )
            names.append(variant)
            about.append(f"{kind.removesuffix('s')} {variant}: {list_variants(content, kind, str(path))[variant]}")
    return replace(_read(".".join(names), content, str(path)), variant="; ".join(about))


def _read(name: str, content: Mapping[str, Any], where: str) -> Experiment:
    known = ("title", "source", "about", "protocol", "protocols", "presets", "steps", "compared", "reported")
    check_keys(content, known, where)
    protocol = table_of(content, "protocol", where)
    check_keys(protocol, PROTOCOL_KEYS, f"[protocol] in {where}")
    kind = protocol.get("kind", "k-fold")
    if kind not in get_args(Protocol):
        raise RecipeError(f"kind in [protocol] of {where} is '{kind}'; choose one of {', '.join(get_args(Protocol))}")
    folds, repeats = protocol.get("folds"), protocol.get("repeats", 1)
    if folds is not None and (type(folds) is not int or folds < 2):
        raise RecipeError(f"folds in [protocol] of {where} is {folds!r}; give a whole number from 2, or leave it out")
    if type(repeats) is not int or not 1 <= repeats <= 1000:
        raise RecipeError(f"repeats in [protocol] of {where} is {shown(repeats)}; give a whole number from 1 to 1000")
    new_folds = protocol.get("new_folds", False)
    if type(new_folds) is not bool or (new_folds and kind != "k-fold"):
        raise RecipeError(
            f"new_folds in [protocol] of {where} is {shown(new_folds)}; write true, with k-fold alone, or false"
        )
    validation = protocol.get("validation")
    if validation is not None and not (type(validation) in (int, float) and 0 <= validation <= 0.5):
        raise RecipeError(f"validation in [protocol] of {where} is {shown(validation)}; give a number from 0 to 0.5")
    table = table_of(content, "steps", where)
    steps = {key: read_step(key, table_of(table, key, where), f"[steps.{key}] in {where}") for key in table}
    if not any(step.tested for step in steps.values()):
        raise RecipeError(f"no step of {where} is tested; write test = true in the one whose predictions count")
    if new_folds:
        _check_repeated(steps, where)
    if validation is not None:
        steps = {key: _validating(step, float(validation)) for key, step in steps.items()}
    return Experiment(
        name=name,
        title=text_of(content, "title", where),
        source=text_of(content, "source", where, ""),
        about=text_of(content, "about", where, ""),
        protocol=kind,
        folds=folds,
        repeats=repeats,
        new_folds=new_folds,
        leaky=text_of(protocol, "leaky", where, ""),
        validation=validation,
        steps=_ordered(steps, where),
        compared=tuple(_compared(row, steps, where) for row in _rows(content, "compared", where)),
        reported=tuple(_reported(row, steps, where) for row in _rows(content, "reported", where)),
        variant="",
    )


def _check_repeated(steps: Mapping[str, Step], where: str) -> None:
    """Raise unless every step over folds also runs over repeats, whose folds differ."""
    for step in steps.values():
        if {"fold", "pair"} & set(step.over) and "repeat" not in step.over:
            raise RecipeError(
                f"[steps.{step.name}] in {where} runs over folds, and new_folds = true gives each repeat other folds; "
                'let it run over repeats, too, as over = ["fold", "repeat"]'
            )


def _validating(step: Step, share: float) -> Step:
    """Return a step with the share of training people to keep for validation, unless it sets that share itself."""
    if not isinstance(step, TrainStep):
        return step
    kind: type[Recipe] = find_system(step.system).recipe_class()
    if VALIDATION_KEY not in {field.name for field in fields(kind)}:
        return step
    return replace(step, settings={VALIDATION_KEY: share, **step.settings})


def _ordered(steps: Mapping[str, Step], where: str) -> dict[str, Step]:
    """Return the steps in the order of the file, but each after the steps that it needs."""
    for step in steps.values():
        for needed in step.needs:
            if needed not in steps:
                raise RecipeError(
                    f"[steps.{step.name}] in {where} refers to '{{{needed}}}', and there is no such step"
                    f"{nearest(needed, steps)}"
                )
            _check_axes(step, steps[needed], where)
        _check_kinds(step, steps, where)
    ordered: dict[str, Step] = {}
    while len(ordered) < len(steps):
        left = [step for step in steps.values() if step.name not in ordered]
        ready = next((step for step in left if set(step.needs) <= set(ordered)), None)
        if ready is None:
            names = ", ".join(step.name for step in left)
            raise RecipeError(f"the steps {names} in {where} need each other; one has to come first")
        ordered[ready.name] = ready
    return ordered


def _check_axes(step: Step, needed: Step, where: str) -> None:
    """Raise unless it is clear which runs of another step a run of a step uses."""
    folded = {"fold", "pair"}
    if folded & set(needed.over) and not folded & set(step.over):
        raise RecipeError(
            f"[steps.{step.name}] in {where} runs once and needs {needed.name}, which has many runs; let it run over "
            "folds, too"
        )
    others = isinstance(step, GenerateStep) and step.folds == "others"
    if others and not ("fold" in step.over and "fold" in needed.over):
        raise RecipeError(
            f'[steps.{step.name}] in {where} has folds = "others", which is for a step over folds that refers to a '
            f"step over folds; {step.name} and {needed.name} are not both of that kind"
        )
    if "fold" in needed.over and "pair" in step.over:
        raise RecipeError(
            f"[steps.{step.name}] in {where} runs over pairs of folds and needs {needed.name}, which holds out one of "
            f"the two alone; let {needed.name} run over pairs, too"
        )


def _check_kinds(step: Step, steps: Mapping[str, Step], where: str) -> None:
    """Raise unless a step refers to steps of the right kind."""
    wanted: list[tuple[str, tuple[type[Step], ...]]] = []
    if isinstance(step, GenerateStep):
        wanted = [(step.of, (TrainStep,))]
    if isinstance(step, SelectStep):
        wanted = [(step.of, (GenerateStep,)), (step.features, (TrainStep,))]
    if isinstance(step, EvaluateStep):
        wanted = [(step.of, (TrainStep, GenerateStep)), *((judge, (TrainStep,)) for judge in step.judges)]
    for text, kinds in wanted:
        name = text.strip("{}")
        if f"{{{name}}}" == text and not isinstance(steps[name], kinds):
            words = " or ".join(kind.kind for kind in kinds)
            raise RecipeError(
                f"[steps.{step.name}] in {where} refers to {name}, a step of kind {steps[name].kind}; give one of kind "
                f"{words}"
            )


def _rows(content: Mapping[str, Any], name: str, where: str) -> list[Any]:
    rows = content.get(name, [])
    if not isinstance(rows, list):
        raise RecipeError(f"{name} in {where} is {shown(rows)}; write tables, as [[{name}]]")
    return rows


def _compared(row: Any, steps: Mapping[str, Step], where: str) -> Compared:
    where = f"[[compared]] in {where}"
    if not isinstance(row, dict):
        raise RecipeError(f"{where} holds {row!r}; write tables")
    check_keys(row, ("first", "second", "classes"), where)
    names = [text_of(row, key, where) for key in ("first", "second")]
    for name in names:
        if name not in steps or not steps[name].tested:
            tested = [step.name for step in steps.values() if step.tested]
            raise RecipeError(f"{where} names the step '{name}'{nearest(name, tested)}; give one that is tested")
    classes = row.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(item, str) for item in classes):
        raise RecipeError(f'classes in {where} is {shown(classes)}; write a list of texts, as ["fear"]')
    return Compared(names[0], names[1], tuple(classes))


def _reported(row: Any, steps: Mapping[str, Step], where: str) -> Reported:
    where = f"[[reported]] in {where}"
    if not isinstance(row, dict):
        raise RecipeError(f"{where} holds {row!r}; write tables")
    check_keys(row, ("method", "step", "table", "classes", *METRICS), where)
    step = row.get("step")
    if step is not None and (not isinstance(step, str) or step not in steps):
        raise RecipeError(f"{where} names the step '{step}'{nearest(str(step), steps)}; there is none")
    classes = row.get("classes")
    if classes is not None and (type(classes) is not int or not 2 <= classes <= 1000):
        raise RecipeError(
            f"classes in {where} is {shown(classes)}; give a whole number from 2 to 1000, or leave it out"
        )
    return Reported(
        method=text_of(row, "method", where),
        step=step,
        table=text_of(row, "table", where, ""),
        classes=classes,
        values={name: _value(row[name], f"{name} of {row['method']} in {where}") for name in METRICS if name in row},
    )


def _value(value: Any, where: str) -> tuple[float, float | None]:
    """Return the mean and the half width of its interval, from a number or a pair of numbers."""
    parts = value if isinstance(value, list) else [value]
    if len(parts) not in (1, 2) or not all(type(part) in (int, float) and abs(part) < 1e9 for part in parts):
        raise RecipeError(f"{where} is {shown(value)}; write the mean, or [mean, half of its interval]")
    return float(parts[0]), float(parts[1]) if len(parts) == 2 else None
