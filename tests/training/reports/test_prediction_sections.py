"""The sections of a report about predictions, and the methods text."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from typing import Any

import pyarrow as pa
import pytest

from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.predictions import Predictions
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.reports.methods_text import REFERENCES, write_methods
from fertools.training.reports.prediction_sections import method_rows, prediction_sections
from fertools.training.reports.report import render_experiment, render_predictions
from fertools.training.reports.result_tables import metric_tables
from fertools.training.systems.entry import SystemEntry
from fertools.training.systems.registry import GROUP, find_system
from tests.training.guesses import invent

NEW = SystemEntry("New", "A Source", "nowhere:Recipe", "nowhere:System")


def made_up_record(system: str, *overrides: str) -> dict[str, Any]:
    """Return what an experiment keeps of a run of a system with its preset `smoke`."""
    recipe = resolve_recipe(system, find_system(system).recipe_class(), "smoke", overrides)
    versions = {"fertools": "9.9", "torch": "8.8"}
    return {
        "system": system,
        "source": "A Source",
        "recipe": recipe.record(),
        "iterations": 1234,
        "sessions": [{"versions": versions}],
    }


def invented_evaluation(leaky: str = "") -> dict[str, object]:
    runs = {"Ours <1>": invent(skill=2), "Other": invent(seed=1)}
    return {
        "title": "A & B",
        "source": "Somebody (2020)",
        "about": "What it is about.",
        "variant": "protocol nested: two <folds>",
        "drawn": 0,
        "tested": 168,
        "protocol": {"kind": "k-fold", "folds": [0, 1, 2, 3], "leaky": leaky, "leaks": ["a leak"] if leaky else []},
        "steps": [
            {
                "name": "ours",
                "title": "Ours <1>",
                "kind": "train",
                "over": ["fold"],
                "needs": [],
                "system": "classifier",
                "preset": None,
                "settings": {"flip": True},
                "tested": True,
                "runs": ["a", "b"],
                "trained": made_up_record("classifier"),
                "curves": {"val/uar": {"fold <0>": [(1, 0.2), (2, 0.3)], "fold 1": [(1, 0.3), (2, 0.5)]}},
                "validation": {"metric": "uar", "values": [0.3, 0.5]},
            }
        ],
        "runs": {name: compute_metrics(run) for name, run in runs.items()},
        "translations": {},
        "generators": {},
        "analyses": {"numbers": {}, "words": {}, "figures": {}},
        "domains": {},
        "comparisons": compare_all(runs),
        "reported": [
            {
                "method": "Theirs",
                "step": None,
                "table": "",
                "classes": None,
                "ours": "Ours <1>",
                "values": {"accuracy": (0.4, 0.03)},
            },
            {
                "method": "Bare",
                "step": None,
                "table": "",
                "classes": None,
                "ours": None,
                "values": {"accuracy": (0.5, None)},
            },
        ],
    }


def test_a_run_is_shown_with_every_part() -> None:
    page = "\n".join(prediction_sections("some run", compute_metrics(invent(va=True))))
    for words in (
        "always the majority",
        "Rows: true class",
        "ROC curves",
        "Reliability diagram",
        "By fold",
        "By dataset",
        "By size of the face",
        "over 12 people",
        "Valence and arousal: rings",
        "always the training mean",
    ):
        assert words in page, words


def test_faces_of_nobody_known_are_a_warning() -> None:
    run = invent()
    table = run.table.set_column(1, "subject_id", pa.nulls(len(run.table), pa.string()))
    page = "\n".join(prediction_sections("r", compute_metrics(Predictions(table, run.classes, run.trained))))
    assert "168 of 168 faces have no subject" in page
    assert "have no subject" not in "\n".join(prediction_sections("r", compute_metrics(run)))


def test_a_page_needs_nothing_from_elsewhere_and_has_both_colour_schemes() -> None:
    for page in (render_predictions("r", compute_metrics(invent(va=True))), render_experiment(invented_evaluation())):
        assert not re.findall(r"(?:src|href)=\"(?!data:)|url\(|<script|@import", page)
        assert "prefers-color-scheme: dark" in page
        assert page.count("<details>") == page.count("</details>")


def test_an_experiment_shows_the_papers_numbers_beside_ours() -> None:
    page = render_experiment(invented_evaluation())
    assert "A &amp; B" in page
    assert "Ours &lt;1&gt;" in page
    assert "<1>" not in page
    for words in ("Theirs (paper)", "0.400 ± 0.030", "Differences between runs", "What was run", "flip=true"):
        assert words in page, words
    assert "LEAKY" not in page


def test_a_leaky_experiment_says_so_in_title_and_paragraph() -> None:
    page = render_experiment(invented_evaluation("GANs saw them."))
    assert "<title>LEAKY PROTOCOL: A &amp; B</title>" in page
    assert "a leak" in page
    assert "not free of leaks: GANs saw them." in page


def test_rows_of_the_chart_are_ours_then_the_papers() -> None:
    rows = method_rows(invented_evaluation(), "accuracy")
    assert [(row["name"], row["paper"]) for row in rows] == [
        ("Ours <1>", False),
        ("Other", False),
        ("Theirs (paper)", True),
        ("Bare (paper)", True),
    ]
    assert (rows[2]["low"], rows[2]["high"]) == pytest.approx((0.37, 0.43))
    assert rows[3]["low"] is None
    assert len(rows[0]["values"]) == 4


def test_the_paragraph_says_what_was_done_and_cites_it() -> None:
    runs = {"a": compute_metrics(invent(va=True))}
    text, references = write_methods(runs, compared=True)
    assert "subject-independent 4-fold cross-validation" in text
    assert "168 faces of 12 subjects" in text
    assert references == [
        REFERENCES[key] for key in ("jackknife", "calibration", "ccc", "mcnemar", "corrected", "holm")
    ]
    assert "leave one subject out" in write_methods(runs, protocol="leave-one-subject-out")[0]
    single, fewer = write_methods({"a": compute_metrics(invent(folds=1))})
    assert "cross-validation" not in single
    assert "over folds" not in single
    assert len(fewer) == 2


@pytest.mark.parametrize(
    ("system", "overrides", "words", "cited"),
    [
        ("classifier", (), "M is resnet18, its channels multiplied by 0.125, trained from random weights", ["He, K."]),
        ("classifier", (), "chosen on 30% of the training subjects", ["He, K."]),
        (
            "classifier",
            ("network=vgg19", "width=1.0", "pretrained=a.pth"),
            "M is vgg19, trained beginning with",
            ["Simonyan"],
        ),
        ("svm", (), "C = 0.01) on histograms of oriented gradients (Dalal", ["Dalal", "Platt"]),
        ("svm", ("features=lbp",), "on local binary patterns by region (Shan", ["Shan", "Platt"]),
        ("stargan", (), "1,234 iterations of 4 faces: 2 updates of the discriminator", ["Choi", "Gulrajani"]),
        ("stargan", ("gp=r1",), "with penalty r1, to one of the generator", ["Choi"]),
        ("stargan", ("condition=va2",), "to valence and arousal, for", ["Choi", "Gulrajani"]),
    ],
)
def test_the_paragraph_says_how_a_model_was_trained(
    system: str, overrides: tuple[str, ...], words: str, cited: list[str]
) -> None:
    text, references = write_methods({}, trained={"M": made_up_record(system, *overrides)})
    assert words in text
    assert "Training used fertools 9.9 and PyTorch 8.8." in text
    assert [next(author for author in cited if text.startswith(author)) for text in references] == cited


def test_a_system_without_words_of_its_own_is_told_by_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    new = EntryPoint("new", f"{__name__}:NEW", GROUP)
    monkeypatch.setattr("fertools.core.plugins.registered_entries", lambda group, _: [new] if group == GROUP else [])
    record = made_up_record("svm") | {"system": "new"}
    assert "M was trained for 1,234 iterations, after: A Source." in write_methods({}, trained={"M": record})[0]


def test_the_chosen_protocol_and_the_curves_of_all_methods_are_shown() -> None:
    page = render_experiment(invented_evaluation())
    assert "Chosen protocol nested: two &lt;folds&gt;." in page
    assert "<h2>ROC curves of the methods</h2>" in page
    assert 'aria-label="ROC curves of macro, by method"' in page


def test_runs_of_a_step_lie_over_one_another() -> None:
    page = render_experiment(invented_evaluation())
    assert "Ours &lt;1&gt;: curves of its runs" in page
    assert "<title>fold &lt;0&gt;</title>" in page
    assert page.count('class="run"') == 2


@pytest.mark.parametrize(
    ("drawn", "words"), [(168, "These people are drawn and do not exist"), (9, "9 of these 168 faces are drawn")]
)
def test_an_experiment_on_drawn_people_says_so(drawn: int, words: str) -> None:
    assert "drawn and do not exist" not in render_experiment(invented_evaluation())
    assert words in render_experiment(invented_evaluation() | {"drawn": drawn})


def test_a_source_that_is_not_given_is_not_named() -> None:
    assert "Paper: Somebody (2020)." in render_experiment(invented_evaluation())
    page = render_experiment(invented_evaluation() | {"source": ""})
    assert "Paper: ." not in page
    assert "Ours: mean over folds" in page


def test_choices_of_each_step_are_in_an_experiments_page() -> None:
    page = render_experiment(invented_evaluation())
    assert "Ours &lt;1&gt;: choices not fixed by the paper" in page
    assert "largest translation as a share of the side" in page
    assert "Ours &lt;1&gt; is resnet18" in page


def test_guesses_that_learned_from_different_parts_are_told_apart() -> None:
    runs = {name: compute_metrics(invent()) for name in ("a", "b", "c")}
    assert [row[0] for row in metric_tables(runs)[1].rows[3:]] == ["always the majority", "guessing by frequency"]
    runs["c"]["classification"]["baselines"]["prior"]["accuracy"]["pooled"] += 0.01
    names = [row[0] for row in metric_tables(runs)[1].rows[4:]]
    assert names == ["guessing by frequency, beside a and b", "guessing by frequency, beside c"]
