"""The page of an audit shows the pictures of each case, and anybody can read it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import pytest
from playwright.sync_api import Browser

import fertools
from fertools.views.audit_page import MOST_CASES
from tests.browser import check_page
from tests.splits.audit.test_pixel_leaks import draw

COPIES = MOST_CASES + 2


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a table with more copies than a page shows, a person in both parts and a lost picture."""
    folder = tmp_path_factory.mktemp("audit")
    rows = ["path,subject,part,emotion"]
    for number in range(COPIES):
        for part in ("train", "test"):
            name = f"{part}-{number}-{'long' * 12}.png"
            cv2.imwrite(str(folder / name), draw(number))
            rows.append(f"{name},{part}{number},{part},{'anger' if number % 2 else 'fear'}")
    rows += [f"lost.png,{part}0,{part},anger" for part in ("test", "train")]
    rows += ["train-1-elsewhere.png,test3,train,<b>joy</b>"]
    (folder / "faces.csv").write_text("\n".join(rows))
    report = fertools.audit(table=folder / "faces.csv", split_column="part", fix=True)
    fertools.write_audit_page(report, folder / "audit.html", title="Audit of <faces>")
    return folder / "audit.html"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_anybody_can_read_it(browser: Browser, page_path: Path, scheme: Literal["light", "dark"], width: int) -> None:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}).new_page()
    page.goto(page_path.as_uri())
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    check_page(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_each_case_has_its_pictures_side_by_side(browser: Browser, page_path: Path) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_path.as_uri())
    copies = page.locator("h2", has_text="copies").first
    identity = copies.get_attribute("id")
    assert identity is not None
    page.locator(f'a[href="#{identity}"]').click()
    case = page.locator(f"#{identity} + .case")
    names = case.locator("img").evaluate_all("all => all.map(one => [one.alt, one.complete && one.naturalWidth])")
    assert [(name.split("-")[0], wide) for name, wide in names] == [("train", 96), ("test", 96)]
    assert f"The first {MOST_CASES} of {COPIES} cases" in page.inner_text("main")
    assert page.title() == "Audit of <faces>"
    assert page.locator("main b b").count() == 0
    assert [url for url in asked if not url.startswith("data:")] == [page_path.as_uri()]
    page.close()
