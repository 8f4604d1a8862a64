"""`train`: train a system on the manifest of a workspace, or resume an earlier call."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fertools.core import files
from fertools.core.arguments import argument, either, given
from fertools.core.notebook import html_fields
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.data.selection import select_domains
from fertools.training.data.synthetic import count_drawn
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.evaluation.run_evaluation import RunEvaluation, read_evaluation
from fertools.training.jobs.baseline import fit_baseline
from fertools.training.jobs.train_networks import train_networks
from fertools.training.recipes.recipe import ORIGINS, EngineRecipe, Recipe
from fertools.training.recipes.resolve import Overrides
from fertools.training.reports.model_card import write_model_card
from fertools.training.reports.report import write_report
from fertools.training.runs.ancestry import record_lineage
from fertools.training.runs.configuration import configure_run
from fertools.training.runs.folder import SAME_OR_RESTART, RunFolder, check_run_name, refuse_another_run
from fertools.training.runs.generated import generated_path
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import Record, describe_run
from fertools.training.runs.pixel_identity import record_pixels

_MORE = either("", "; --explain says more")


@dataclass(frozen=True)
class TrainResult:
    """The result of `train`.

    Attributes:
        system: name of the system.
        run: name of the run.
        preset: name of the preset.
        path: folder of the run, which `fertools.load_model` opens.
        report: path of the report page.
        iterations: number of iterations of the run.
        new_iterations: number of iterations of this call; 0 if the run was finished before.
        device: device of this call, by its name for torch.
        first_process: whether this process writes files and reports progress for the process group.
    """

    system: str
    run: str
    preset: str
    path: Path
    report: Path
    iterations: int
    new_iterations: int
    device: str
    first_process: bool

    @cached_property
    def evaluation(self) -> RunEvaluation:
        """The metrics of held-out faces.

        Raises:
            InputError: the run's record or predictions cannot be read.
        """
        return read_evaluation(RunFolder(self.path))

    def _repr_html_(self) -> str:
        fields = {
            "preset": self.preset,
            "device": self.device,
            "iterations": self.iterations,
            "folder": self.path,
            "report": self.report,
        }
        return html_fields(f"{self.system}/{self.run}", fields) + self.evaluation._repr_html_()


def train(
    workspace: WorkspaceLike,
    system: str,
    *,
    preset: str | None = None,
    overrides: Overrides = (),
    device: str = "auto",
    run: str | None = None,
    resume: bool = True,
    tensorboard: bool = False,
    allow_leaks: bool = False,
    report: Reporter | None = None,
) -> TrainResult:
    """Train a system to the end, or resume an earlier call of the same run.

    Args:
        workspace: workspace with the manifest; the run goes into its `training/<system>/<run>/`.
        system: system to train, such as `stargan`.
        preset: preset of the recipe; None for `recommended`, or `cpu` without a GPU.
        overrides: changed values of the recipe, such as `{"lr": 1e-4}`, or texts such as `lr=1e-4`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        run: name of the run; None for the name of the preset.
        resume: whether to resume the run of this name; False to remove it and start again.
        tensorboard: whether to write losses and sample grids for TensorBoard into the run's folder.
        allow_leaks: whether initial weights, generated faces or a judge may have learned from people who are held out;
            the record and the report of the run say so.
        report: reporter of the device, the remaining time and progress.

    Raises:
        RecipeError: the system, the preset or a key is unknown, or a value is out of range.
        DeviceError: the device is unknown or not available.
        InputError: the manifest is missing, not split, or lacks labels; or `tensorboard` is set and the package is not
            installed.
        CheckFailed: a person is in two split parts, initial weights, generated faces or a judge have learned from
            people
            who are held out, or training has diverged.
        ResumeRefused: the run of this name was begun with another recipe, other faces or other pixels.
        Interrupted: stopped by a signal; the state is saved.
        StorageError: the disk is full or the run's folder cannot be written; the last checkpoint is intact.

    Example:
        >>> result = train(Workspace("my-dataset"), "stargan", preset="smoke")
        >>> result.report.name
        'report.html'
    """
    workspace = Workspace(workspace)
    configuration = configure_run(system, preset=preset, overrides=overrides, device=device, workspace=workspace.root)
    if tensorboard:
        from fertools.training.engine.tensorboard import check_tensorboard

        check_tensorboard()
    recipe, run = configuration.resolved.recipe, check_run_name(run or configuration.resolved.preset)
    selection = select_domains(workspace, recipe, allow_leaks=allow_leaks)
    folder, process_group = RunFolder(workspace.runs(system) / run), ProcessGroup(configuration.device)
    report = (report or Silent()) if process_group.is_first else Silent()
    # The first process writes, and the others read what it has written.
    lock = folder.locked("training") if process_group.is_first else contextlib.nullcontext()
    with lock, files.storage_errors(folder.root):
        if process_group.is_first and not resume:
            generated_path(workspace, system, run).unlink(missing_ok=True)
            folder.clear()
        process_group.barrier()
        record = describe_run(configuration.resolved, selection, count_drawn(workspace, selection.main.table), run)
        if (old := folder.read()) is not None:
            refuse_another_run(old, record)
            record |= {key: value for key, value in old.items() if key not in ("recipe", "data")}
        job = Job(workspace, configuration, selection, record, folder, process_group, report, tensorboard)
        done = 0
        if record["finished"]:
            record_pixels(job, old, SAME_OR_RESTART)
            report.note(
                f"the run '{run}' is finished; give another {argument('run')}, or start again with "
                f"{given('resume', False)}"
            )
            if tensorboard and process_group.is_first:
                from fertools.training.engine.tensorboard import TensorBoardLog

                with TensorBoardLog(
                    folder.tensorboard_folder, folder.journal_path, folder.samples, record["iterations"]
                ):
                    report.note(f"{folder.tensorboard_folder} shows it")
        else:
            process_group.barrier()
            report.note(_announce(record, recipe, configuration.device, found=device == "auto"))
            if not record["sessions"]:
                report.note(describe_origins(record))
            record_pixels(job, old, SAME_OR_RESTART)
            record_lineage(job, old, allow_leaks=allow_leaks)
            done = _run_to_end(job)
        process_group.close()
        return _result(record, folder, process_group, new_iterations=done)


def _run_to_end(job: Job) -> int:
    """Train to the end and write the report and the record; return the number of iterations of this call."""
    recipe = job.configuration.resolved.recipe
    done = train_networks(job, recipe) if isinstance(recipe, EngineRecipe) else fit_baseline(job)
    if job.process_group.is_first:
        write_report(job.folder, job.record, job.workspace)
        write_model_card(job.folder, job.record)
        job.record["finished"] = True
        job.write()
    return done


def _announce(record: Record, recipe: Recipe, device: str, *, found: bool) -> str:
    where = device if device != "cpu" else "the CPU (no GPU found)" if found else "the CPU"
    sides = (
        f"{side['faces']} faces of {side['subjects']} subject{'s' if side['subjects'] != 1 else ''}"
        for side in (record["data"][name] for name in ("train", "test") if name in record["data"])
    )
    side = f"{recipe.image_size} x {recipe.image_size}"
    if not isinstance(recipe, EngineRecipe):
        return f"preset {record['preset']} on faces of {side}; fitted to {' and held out '.join(sides)}"
    return (
        f"preset {record['preset']} on {where}: {record['iterations']} iterations of {recipe.batch_size} faces at "
        f"{side}; trained on {' and held out '.join(sides)}; a longer run reports its remaining time after the first "
        "iterations"
    )


def describe_origins(record: Record) -> str:
    """Return the number of a recipe's values by origin, and the keys that the paper does not fix."""
    by_tag: dict[str, list[str]] = {tag: [] for tag in ORIGINS}
    for name, entry in record["recipe"].items():
        by_tag[entry["origin"]].append(name)
    words = {"P": "the paper's", "R": "a reference's", "C": "our choice", "X": "where the paper errs"}
    words |= {"ours": "changed from the paper or of the engine", "set": "set by you"}
    parts = [f"{len(names)} {words[tag]} ({tag})" for tag, names in by_tag.items() if names]
    summary = f"of {len(record['recipe'])} values {', '.join(parts)}"
    chosen = by_tag["C"] + by_tag["X"]
    return f"{summary}; not fixed by the paper: {', '.join(chosen)}{_MORE}" if chosen else summary


def _result(record: Record, folder: RunFolder, process_group: ProcessGroup, *, new_iterations: int) -> TrainResult:
    return TrainResult(
        system=record["system"],
        run=record["run"],
        preset=record["preset"],
        path=folder.root,
        report=folder.report_path,
        iterations=record["iterations"],
        new_iterations=new_iterations,
        device=process_group.device,
        first_process=process_group.is_first,
    )
