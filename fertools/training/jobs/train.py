"""`train`: a system trained on a workspace's manifest, from whatever state an earlier call left."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fertools.core import files
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
from fertools.training.reports.report import write_report
from fertools.training.runs.ancestry import record_lineage
from fertools.training.runs.configuration import configure_run
from fertools.training.runs.folder import SAME_OR_RESTART, RunFolder, check_run_name, refuse_another_run
from fertools.training.runs.generated import generated_path
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import Record, describe_run
from fertools.training.runs.pixel_identity import record_pixels


@dataclass(frozen=True)
class TrainResult:
    """What a run has come to.

    Attributes:
        system: name of the system.
        run: name of the run.
        preset: name of the preset.
        folder: everything that the run has made.
        report: the page about it.
        iterations: done in all.
        new_iterations: done by this call; 0 if the run was finished before.
        device: what this call ran on.
        first_process: whether this process is the one that writes and speaks for all that trained together.
        results: metrics of held-out faces; see `fertools.training.evaluation.translator.translate_held_out` and
            `fertools.training.jobs.predicting.measure`.
    """

    system: str
    run: str
    preset: str
    folder: Path
    report: Path
    iterations: int
    new_iterations: int
    device: str
    first_process: bool
    results: dict[str, Any]

    @property
    def path(self) -> Path:
        """The run's folder, which `fertools.load_model` opens."""
        return self.folder

    @cached_property
    def evaluation(self) -> RunEvaluation:
        """The metrics of held-out faces.

        Raises:
            InputError: the run's predictions cannot be read.
        """
        return read_evaluation(RunFolder(self.folder), self.results)

    def _repr_html_(self) -> str:
        fields = {
            "preset": self.preset,
            "device": self.device,
            "iterations": self.iterations,
            "folder": self.folder,
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
    """Train a system to the end, going on where an earlier call of the same run stopped.

    Args:
        workspace: whose manifest to train on; the run goes into its `training/<system>/<run>/`.
        system: what to train, such as `stargan`.
        preset: of the system's recipe; None for `recommended`, or `cpu` where there is no GPU.
        overrides: keys of the recipe with other values, such as `{"lr": 1e-4}`; or texts such as `lr=1e-4`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        run: name of the run; None for the preset's.
        resume: go on with the run of this name; False to remove it and begin anew.
        tensorboard: write losses and sample grids for TensorBoard into the run's folder, too.
        allow_leaks: train on from weights, or with a judge, that have learned from the people who are held out; the
            run's record and report say so.
        report: told of the device, the expected time and progress.

    Raises:
        RecipeError: an unknown system, preset or key, or a value out of range.
        DeviceError: the device is unknown or not there.
        InputError: the manifest is missing, not split, or without the labels that are needed; or `tensorboard` is
            set and the package is not installed.
        CheckFailed: a person is on both sides of the split, weights or a judge have learned from people who are held
            out, or training has diverged.
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
    selection = select_domains(workspace, recipe)
    folder, process_group = RunFolder(workspace.runs(system) / run), ProcessGroup(configuration.device)
    report = (report or Silent()) if process_group.is_first else Silent()
    # One process writes; the others follow what it finds.
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
            report.note(f"the run '{run}' is finished; give another --run NAME, or begin anew with --no-resume")
            if tensorboard and process_group.is_first:
                from fertools.training.engine.tensorboard import TensorBoardLog

                with TensorBoardLog(folder.board, folder.journal_path, folder.samples, record["iterations"]):
                    report.note(f"{folder.board} shows it")
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
    """Train to the end and write all that a finished run has; return the iterations done by this call."""
    recipe = job.configuration.resolved.recipe
    done = train_networks(job, recipe) if isinstance(recipe, EngineRecipe) else fit_baseline(job)
    if job.process_group.is_first:
        write_report(job.folder, job.record, job.workspace)
        job.record["finished"] = True
        job.write()
    return done


def _announce(record: Record, recipe: Recipe, device: str, *, found: bool) -> str:
    where = device if device != "cpu" else "the CPU (no GPU found)" if found else "the CPU"
    sides = (
        f"{side['faces']} faces of {side['subjects']} subject{'s' if side['subjects'] != 1 else ''}"
        for side in (record["data"]["train"], record["data"]["test"])
    )
    side = f"{recipe.image_size} x {recipe.image_size}"
    if not isinstance(recipe, EngineRecipe):
        return f"preset {record['preset']} on faces of {side}; fitted to {' and held out '.join(sides)}"
    return (
        f"preset {record['preset']} on {where}: {record['iterations']} iterations of {recipe.batch_size} faces at "
        f"{side}; trained on {' and held out '.join(sides)}; a longer run says after its first iterations how long it "
        "will take"
    )


def describe_origins(record: Record) -> str:
    """Return how many of a recipe's values come from where, and which of them the paper does not fix."""
    by_tag: dict[str, list[str]] = {tag: [] for tag in ORIGINS}
    for name, entry in record["recipe"].items():
        by_tag[entry["origin"]].append(name)
    words = {"P": "the paper's", "R": "a reference's", "C": "our choice", "X": "where the paper errs"}
    words |= {"ours": "changed from the paper or of the engine", "set": "set by you"}
    parts = [f"{len(names)} {words[tag]} ({tag})" for tag, names in by_tag.items() if names]
    summary = f"of {len(record['recipe'])} values {', '.join(parts)}"
    chosen = by_tag["C"] + by_tag["X"]
    return f"{summary}; not fixed by the paper: {', '.join(chosen)}; --explain says more" if chosen else summary


def _result(record: Record, folder: RunFolder, process_group: ProcessGroup, *, new_iterations: int) -> TrainResult:
    return TrainResult(
        system=record["system"],
        run=record["run"],
        preset=record["preset"],
        folder=folder.root,
        report=folder.report_path,
        iterations=record["iterations"],
        new_iterations=new_iterations,
        device=process_group.device,
        first_process=process_group.is_first,
        results=record["results"],
    )
