"""Reports in a real browser: nothing sticks out at any width, text can be read in light and dark, nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.jobs.train import train
from fertools.training.reports.comparison_report import render_comparison
from fertools.training.reports.report import render_experiment, render_predictions
from tests.browser import check_page
from tests.training.blobs import write_blobs
from tests.training.guesses import invent
from tests.training.reports.test_comparison_report import invented_comparison
from tests.training.reports.test_prediction_sections import invented_evaluation

OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"
CONTRASTS = """() => {
    const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = light(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll('h1, h2, h3, p, td, th, li, summary, svg text')].map(part => {
        const style = getComputedStyle(part);
        const ink = light(part instanceof SVGElement ? style.fill : style.color);
        return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    });
}"""
"""The contrast of every piece of text with the paper, by WCAG 2."""


@pytest.fixture(scope="module", params=["experiment", "comparison", "predictions", "run"])
def page_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page with every table and picture, one of them of a long name without a blank in it."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    if request.param == "experiment":
        path.write_text(render_experiment(invented_evaluation()), encoding="utf-8")
    elif request.param == "comparison":
        path.write_text(render_comparison(invented_comparison()), encoding="utf-8")
    elif request.param == "run":
        workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
        options = ("val_share=0.3", "task=emotion+va")
        return train(workspace, "classifier", preset="smoke", overrides=options, device="cpu").report
    else:
        scores = compute_metrics(invent(va=True))
        path.write_text(render_predictions("run-" + "x" * 90, scores), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(offline=True) as context:
        yield context.new_page()


def test_nothing_sticks_out_of_the_page(page: Page, page_path: Path) -> None:
    page.goto(page_path.as_uri())
    page.evaluate(OPEN_ALL)
    for width in (1400, 800, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Only what does not fit has to be scrolled.
    check_page(page, contrast=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(page: Page, page_path: Path, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(page_path.as_uri())
    page.evaluate(OPEN_ALL)
    check_page(page)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 300
    assert min(contrasts) >= 4.5
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_it_asks_for_nothing_but_itself(page: Page, page_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_path.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [page_path.as_uri()]
