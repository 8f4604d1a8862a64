"""The report: a self-contained page with all sections."""

from __future__ import annotations

import base64
import copy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fertools.core.vocabulary import EMOTIONS
from fertools.training.engine.journal import read_journal
from fertools.training.reports.report import render_run
from fertools.training.runs.folder import RunFolder
from tests.training.blobs import write_blobs
from tests.training.tiny import read_record, train_tiny

VALIDATED = {"faces": 4, "subjects": 1, "emotions": dict.fromkeys(EMOTIONS, 0)}


class Page(HTMLParser):
    """What is in a page: its text, its elements in order, and that they are closed."""

    VOID = ("meta", "img", "line", "polygon", "polyline")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    return RunFolder(train_tiny(workspace, "sample_every=2").path)


@pytest.fixture
def record(folder: RunFolder) -> dict[str, Any]:
    return copy.deepcopy(read_record(folder.root))


def render(folder: RunFolder, record: dict[str, Any]) -> Page:
    return Page(render_run(record, read_journal(folder.journal_path), [(6, folder.sample_path(6).read_bytes())]))


def test_the_page_carries_everything_itself(folder: RunFolder) -> None:
    html = folder.report_path.read_text(encoding="utf-8")
    page = Page(html)
    assert not page.all("script")
    assert not page.all("link")
    assert "http" not in html
    assert "url(" not in html
    sources = [attributes["src"] for attributes in page.all("img")]
    pictures = [base64.b64decode(str(source).removeprefix("data:image/png;base64,")) for source in sources]
    assert pictures == [folder.sample_path(iteration).read_bytes() for iteration in (6, 2, 4)]
    assert all(attributes["alt"] for attributes in page.all("img"))


def test_every_key_is_there_with_value_and_origin(folder: RunFolder, record: dict[str, Any]) -> None:
    text = render(folder, record).text
    for name, entry in record["recipe"].items():
        assert name in text
        assert entry["note"] in text
    assert "seed" in text.split("Values that the paper or its reference implementation fixes")[0]
    assert "beta1" not in text.split("Values that the paper")[0].split("Choices not fixed by the paper")[1]


def test_losses_stand_beside_the_papers(folder: RunFolder, record: dict[str, Any]) -> None:
    page = render(folder, record)
    charts = [attributes["aria-label"] for attributes in page.all("svg")]
    assert charts == [
        "D/loss_real", "D/loss_fake", "D/loss_cls", "D/loss_gp", "G/loss_fake", "G/loss_rec", "G/loss_cls",
        "lr/discriminator", "gradient/discriminator", "lr/generator", "gradient/generator",
    ]  # fmt: skip
    last = read_journal(folder.journal_path)[-1]
    assert f"Last: {last['D/loss_gp']:.4g}." in page.text
    assert "Paper, at 20,000: -69.1152." in page.text


def test_measures_data_and_machine_are_in_words(folder: RunFolder, record: dict[str, Any]) -> None:
    text = render(folder, record).text
    assert "the discriminator's own head (not an independent classifier)" in text
    assert "21 faces of 3 people" in text
    assert "1 person with 7 faces" in text
    assert record["data"]["fingerprint"] in text
    assert record["sessions"][0]["versions"]["torch"] in text
    assert "8,436,800" in text
    assert "differs: other sizes or options" in text


def test_the_papers_sizes_are_recognised(folder: RunFolder, record: dict[str, Any]) -> None:
    record["parameters"] = {"generator": 8_436_800, "discriminator": 44_735_424}
    page = render_run(record, [], [])
    assert page.count("<td>equal</td>") == 2
    assert "differs: other" not in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record["data"].update(drawn=28), "These people are drawn and do not exist."),
        (lambda record: record["data"].update(drawn=5), "5 of these 28 faces are drawn"),
        (lambda record: record["data"].update(drawn=28, val=VALIDATED), "28 of these 32 faces are drawn"),
        (lambda record: record["data"]["train"]["emotions"].update(fear=0), "No training face shows fear."),
        (lambda record: record["recipe"]["condition"].update(value="va2"), "values are priors"),
        (lambda record: record["recipe"]["ema"].update(value=0.9), "moving average of its weights"),
        (
            lambda record: record["results"].update(
                discriminator_head_va={"valence": {"ccc": 0.125, "pcc": 0.25, "rmse": 0.5, "sagr": 0.75}}
            ),
            "0.125",
        ),
    ],
)
def test_what_a_reader_has_to_know_is_said_only_where_it_is_so(
    folder: RunFolder, record: dict[str, Any], change: Any, words: str
) -> None:
    assert words not in render(folder, record).text
    change(record)
    assert words in render(folder, record).text


def test_a_run_after_nobody_names_no_source(folder: RunFolder, record: dict[str, Any]) -> None:
    assert "After: Banerjee" in render(folder, record).text
    assert "After: ." not in render(folder, record | {"source": ""}).text


def test_what_chose_the_best_state_is_drawn(record: dict[str, Any]) -> None:
    journal = [{"iteration": step, "loss": 1 / step, "val/uar": step / 9, "val/new": 0.5} for step in (1, 2, 3)]
    page = Page(render_run(record | {"used_iteration": 2}, journal, []))
    assert [attributes["aria-label"] for attributes in page.all("svg")] == ["val/uar", "val/new", "loss"]
    assert "on people who are neither trained on nor held out" in page.text
    assert "after 2 iterations" in page.text
    assert "At the selected checkpoint: 0.2222." in page.text
    assert len([line for line in page.all("line") if line.get("class") == "chance"]) == 2


def test_a_term_that_nobody_knows_is_drawn_too(record: dict[str, Any]) -> None:
    page = Page(render_run(record, [{"iteration": 1, "G/loss_new": 1.0}], []))
    assert [attributes["aria-label"] for attributes in page.all("svg")] == ["G/loss_new"]


def test_steps_speed_and_memory_are_drawn(folder: RunFolder, record: dict[str, Any]) -> None:
    speed = read_journal(folder.speed_path)
    assert [entry["iteration"] for entry in speed] == [
        entry["iteration"] for entry in read_journal(folder.journal_path)
    ]
    assert all(0.01 < entry["memory_gb"] < 100 for entry in speed)
    page = Page(render_run(record, read_journal(folder.journal_path), [], speed=speed))
    charts = [attributes["aria-label"] for attributes in page.all("svg")]
    assert charts[-2:] == ["faces_per_s", "memory_gb"]
    assert all(entry["lr/discriminator"] == 1e-4 for entry in read_journal(folder.journal_path))


def test_text_from_outside_is_escaped(folder: RunFolder, record: dict[str, Any]) -> None:
    record["data"]["datasets"] = ["<script>alert(1)</script>"]
    page = render(folder, record)
    assert not page.all("script")
    assert "<script>alert(1)</script>" in page.text


def test_reconstruction_and_the_run_in_sentences_are_on_the_page(folder: RunFolder, record: dict[str, Any]) -> None:
    text = Page(folder.report_path.read_text(encoding="utf-8")).text
    assert "Reconstruction, by target" in text
    methods = text.split("Text for the methods section")[1]
    assert "The model is a StarGAN (Choi et al., 2018)" in methods
    assert "6 iterations of 4 faces: 2 updates of the discriminator, with gradient penalty" in methods
    assert "21 faces of 3 subjects; 7 faces of 1 other subject were held out" in methods
    assert "Gulrajani, I." in methods


def test_a_run_without_grids_and_lines_still_has_a_page(record: dict[str, Any]) -> None:
    page = Page(render_run(record, [], []))
    assert "There is no sample grid." in page.text
    assert not page.all("svg")


def test_older_grids_are_spread_over_the_run(tmp_path: Path, record: dict[str, Any]) -> None:
    from fertools.training.reports.report import write_report

    folder = RunFolder(tmp_path)
    folder.samples.mkdir()
    for number in range(1, 12):
        folder.sample_path(100 * number).write_bytes(b"png %d" % number)
    write_report(folder, record)
    page = Page(folder.report_path.read_text(encoding="utf-8"))
    shown = [base64.b64decode(str(item["src"]).split(",")[1]) for item in page.all("img")]
    assert shown == [b"png 11", b"png 1", b"png 4", b"png 7", b"png 10"]
