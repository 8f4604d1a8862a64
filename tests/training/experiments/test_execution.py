"""Carrying an experiment out: all at once, fold by fold, after failures, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertools.core.arguments import given
from fertools.core.errors import InputError, Interrupted, InUse, ItemsFailed, RecipeError, ResumeRefused
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.samples.counterparts import MARKS
from fertools.training.evaluation.find import known_runs
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.experiments.execution import run_experiment
from fertools.training.reports.experiment_tables import experiment_tables
from fertools.training.runs.folder import SAME_OR_RESTART
from tests.training.blobs import write_blobs
from tests.training.data.test_synthetic import write_sources
from tests.training.experiments.protocols import TWO_STEPS, Guesser, figures_of, write_experiment


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = write_blobs(tmp_path)
    write_experiment(tmp_path)
    return workspace


def carry_out(workspace: Workspace, trainer: Guesser, **options: object) -> object:
    return run_experiment(workspace, "two", trainer=trainer, **options)  # type: ignore[arg-type]


def test_all_of_it_gives_figures_beside_the_papers(workspace: Workspace) -> None:
    trainer = Guesser()
    result = run_experiment(workspace, "two", trainer=trainer)
    assert (result.finished, result.runs, result.done, len(trainer.trained)) == (True, 8, 8, 12)
    whole = read_predictions(result.folder / "tuned" / "predictions.parquet")
    assert (len(whole.table), sorted(whole.trained)) == (28, [0, 1, 2, 3])
    assert figures_of(result)["runs"]["Tuned"] == compute_metrics(whole)
    assert json.loads((result.folder / "evaluation.json").read_text()) == json.loads(json.dumps(figures_of(result)))
    assert [(entry["first"], entry["second"]) for entry in figures_of(result)["comparisons"]] == [("Plain", "Tuned")]
    assert "experiments/two/tuned" in known_runs(workspace)
    beside = experiment_tables(figures_of(result))[0]
    assert beside.head[:3] == ("", "accuracy, paper", "accuracy, ours")
    assert beside.rows[0][:2] == ("Theirs", "0.400 ± 0.030")
    assert beside.rows[0][2].startswith(
        f"{figures_of(result)['runs']['Tuned']['classification']['measures']['accuracy']['folds']['mean']:.3f} ± "
    )
    assert beside.rows[1] == ("Another", "0.500", "–", "–", "–")


def test_seeds_are_one_row_and_declared_comparisons_are_the_only_ones(workspace: Workspace) -> None:
    text = TWO_STEPS.replace("folds = 4", "folds = 4\nrepeats = 3").replace(
        'title = "Plain"', 'title = "Plain"\nover = ["fold", "repeat"]'
    )
    text = text.replace("[steps.source]", '[steps.third]\nsystem = "svm"\ntest = true\n\n[steps.source]')
    text += '\n[[compared]]\nfirst = "tuned"\nsecond = "plain"\nclasses = ["fear"]\n'
    write_experiment(workspace.root, text)
    result = run_experiment(workspace, "two", trainer=Guesser())
    assert list(figures_of(result)["runs"]) == ["Plain", "third", "Tuned"]
    plain = figures_of(result)["runs"]["Plain"]
    assert (plain["faces"], plain["classification"]["repeats"]["count"]) == (28, 3)
    assert [part["fold"] for part in plain["classification"]["by_fold"]] == [0, 1, 2, 3]
    (found,) = figures_of(result)["comparisons"]
    assert (found["first"], found["second"], found["repeats"], list(found["classes"])) == (
        "Tuned",
        "Plain",
        [1, 3],
        ["fear"],
    )
    titles = [table.title for table in experiment_tables(figures_of(result))]
    assert {"Spread between seeds", "Differences by class"} <= set(titles)
    for repeat in range(3):
        assert len(read_predictions(result.folder / f"plain.repeat-{repeat}" / "predictions.parquet").table) == 28
    assert "ROC curves of the methods" in (result.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('first = "tuned"\nsecond = "source"', "names the step 'source'.*give one that is tested"),
        ('first = "tuned"\nsecond = "plain"\nclasses = "fear"', "classes in .* write a list of texts"),
        ('first = "tuned"', "has no second"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused(workspace: Workspace, row: str, words: str) -> None:
    write_experiment(workspace.root, f"{TWO_STEPS}\n[[compared]]\n{row}\n")
    with pytest.raises(RecipeError, match=words):
        run_experiment(workspace, "two", trainer=Guesser())


def test_figures_say_how_many_faces_are_drawn_and_how_runs_went(workspace: Workspace) -> None:
    (workspace.root / "drawn").mkdir()
    for name in MARKS:
        (workspace.root / "drawn" / name).touch()
    sources = sorted(set(store.read_faces(workspace)["source_id"].to_pylist()))
    write_sources(workspace, dict.fromkeys(sources[:3], "drawn/clip.mp4") | dict.fromkeys(sources[3:], "clip.mp4"))
    for fold in range(4):
        journal = workspace.runs("classifier") / f"two.plain.fold-{fold}/metrics.jsonl"
        journal.parent.mkdir(parents=True)
        lines = [f'{{"iteration": {step}, "loss": {1 / step}, "val/uar": 0.5}}' for step in range(1, 400)]
        journal.write_text("\n".join(lines))
    result = run_experiment(workspace, "two", trainer=Guesser())
    assert figures_of(result)["drawn"] == 3
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "3 of these 28 faces are drawn" in page
    curves = figures_of(result)["steps"][0]["curves"]
    assert list(curves) == ["loss", "val/uar"]
    assert list(curves["loss"]) == [f"plain, fold {fold}" for fold in range(4)]
    assert 100 < len(curves["loss"]["plain, fold 0"]) < 300
    assert "Plain: curves of its runs" in page


def test_fold_by_fold_is_the_same_as_all_at_once(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trainer = Guesser()
    for fold in range(4):
        result = run_experiment(workspace, "two", fold=fold, trainer=trainer)
        assert result.finished == (fold == 3)
        assert result.done == 2 * (fold + 1)
        assert len(trainer.trained) == 3 * (fold + 1)
    other = write_blobs(tmp_path_factory.mktemp("other"))
    write_experiment(other.root)
    at_once = run_experiment(other, "two", trainer=Guesser())
    assert result.evaluation == at_once.evaluation


def test_the_same_again_trains_nothing(workspace: Workspace) -> None:
    carry_out(workspace, Guesser())
    again = Guesser()
    result = run_experiment(workspace, "two", trainer=again)
    assert result.finished
    assert again.trained == []


def test_a_run_that_fails_ends_only_what_builds_upon_it(workspace: Workspace) -> None:
    trainer = Guesser(fails={"two.source.fold-1"})
    with pytest.raises(ItemsFailed, match=r"2 of 12 runs .* the first: source, fold 1: something is wrong"):
        carry_out(workspace, trainer)
    assert len(trainer.trained) == 10
    mended = Guesser()
    assert run_experiment(workspace, "two", trainer=mended).finished
    assert mended.trained == ["two.source.fold-1", "two.tuned.fold-1"]


def test_advice_of_a_failed_run_fits_an_experiment(workspace: Workspace) -> None:
    trainer = Guesser(fails={"two.source.fold-1"}, error=ResumeRefused(SAME_OR_RESTART))
    with pytest.raises(ItemsFailed) as refused:
        carry_out(workspace, trainer)
    assert "start again with training/classifier/two.source.fold-1 removed" in refused.value.message
    assert given("resume", False) not in refused.value.message


def test_a_signal_ends_it_at_once(workspace: Workspace) -> None:
    trainer = Guesser(fails={"two.plain.fold-1"}, error=Interrupted("stopped"))
    with pytest.raises(Interrupted):
        carry_out(workspace, trainer)
    assert trainer.trained == ["two.plain.fold-0"]


def test_one_step_alone(workspace: Workspace) -> None:
    trainer = Guesser()
    result = run_experiment(workspace, "two", step="plain", trainer=trainer)
    assert not result.finished
    assert trainer.trained == [f"two.plain.fold-{fold}" for fold in range(4)]


@pytest.mark.parametrize(
    ("options", "words"), [({"fold": 4}, "folds go from 0 to 3"), ({"step": "plan"}, "did you mean 'plain'")]
)
def test_what_is_not_there_is_said(workspace: Workspace, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        carry_out(workspace, Guesser(), **options)


def test_every_table_of_a_leaky_protocol_says_so(workspace: Workspace) -> None:
    text = TWO_STEPS.replace("folds = 4", 'folds = 4\nleaky = "the source is trained once."').replace(
        "[steps.source]", '[steps.source]\nover = "once"'
    )
    write_experiment(workspace.root, text)
    result = run_experiment(workspace, "two", trainer=Guesser())
    assert len(figures_of(result)["protocol"]["leaks"]) == 3
    tables = experiment_tables(figures_of(result))
    assert all(result_table.title.startswith("LEAKY PROTOCOL: ") for result_table in tables)
    assert all("trained once" in result_table.note for result_table in tables)


BASELINE = """
title = "One baseline"

[protocol]
kind = "k-fold"

[steps.svm]
title = "A machine"
system = "svm"
preset = "smoke"
test = true
"""


def test_figures_and_page_say_how_each_step_was_trained(workspace: Workspace) -> None:
    write_experiment(workspace.root, BASELINE, "baseline")
    result = run_experiment(workspace, "baseline", device="cpu")
    (step,) = figures_of(result)["steps"]
    assert step["trained"]["recipe"]["features"] == {
        "value": "hog",
        "origin": "R",
        "note": "hog: histograms of oriented gradients; lbp: local binary patterns by region",
    }
    # Folds differ in what was held out, so that no fold's own faces stand for all.
    assert "data" not in step["trained"]
    assert "test_folds" not in step["trained"]["recipe"]
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "A machine is a linear support vector machine (C = 0.01)" in page
    assert "A machine: choices not fixed by the paper" in page
    notes = Notes()
    run_experiment(workspace, "baseline", device="cpu", report=notes)
    assert len(notes.said) == 5
    assert not [note for note in notes.said if "is finished" in note], "that advice is for single runs"


class Contested(Guesser):
    """A trainer that finds runs in use by another process when it first comes to them."""

    def __init__(self, in_use: str, fails_later: bool = False) -> None:
        super().__init__()
        self.in_use = in_use
        self.fails_later = fails_later

    def __call__(self, workspace: Workspace, system: str, *, run: str, **options: object) -> None:
        if run == self.in_use and not any(asked == run for asked, _ in self.asked):
            self.asked.append((run, ()))
            raise InUse("another command works here")
        if run == self.in_use and self.fails_later:
            raise InputError("it failed")
        super().__call__(workspace, system, run=run, **options)  # type: ignore[arg-type]


def test_a_run_that_another_process_works_at_comes_last_with_what_needs_it(workspace: Workspace) -> None:
    trainer, report = Contested("two.source.fold-1"), Notes()
    result = run_experiment(workspace, "two", trainer=trainer, report=report)
    assert (result.finished, result.done) == (True, 8)
    assert trainer.trained[-2:] == ["two.source.fold-1", "two.tuned.fold-1"]
    assert sum("another command works at it" in said for said in report.said) == 1


def test_a_run_that_fails_after_another_process_left_it_fails_what_needs_it(workspace: Workspace) -> None:
    with pytest.raises(ItemsFailed, match="2 of 12 runs of the experiment 'two' failed"):
        run_experiment(workspace, "two", trainer=Contested("two.source.fold-1", fails_later=True))
