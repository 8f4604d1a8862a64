"""What tests of the page do with it: open it as a rater, point at its plane, and read what was saved."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from fertools.annotations.current import current_annotations
from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace


def open_page(context: BrowserContext, address: str, path: str = "", rater: str = "anna") -> Page:
    """Open the page in a new tab and enter as a rater; errors of its scripts are gathered in `page.faults`."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.faults = faults  # type: ignore[attr-defined]
    page.goto(f"{address}{path}?rater={rater}")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#who-name")).to_have_text(rater)
    return page


def place_on_screen(page: Page, valence: float, arousal: float) -> tuple[float, float]:
    """Return where on the screen a point of the plane is."""
    box = page.locator(".plane .field").bounding_box()
    assert box is not None
    return box["x"] + (valence + 1) / 2 * box["width"], box["y"] + (1 - arousal) / 2 * box["height"]


def click(page: Page, valence: float, arousal: float) -> None:
    """Click a point of the plane."""
    page.mouse.click(*place_on_screen(page, valence, arousal))


def wait_until_saved(page: Page) -> None:
    """Return once the page says that all is saved."""
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved")


def rows_of(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what all raters now say."""
    with RatingLog(workspace.ratings_log) as log:
        rows: list[dict[str, Any]] = current_annotations(log, workspace).to_pylist()
        return rows


def events_of(workspace: Workspace, kind: str) -> list[dict[str, Any]]:
    """Return the bodies of all events of a kind."""
    with RatingLog(workspace.ratings_log) as log:
        return [dict(logged.event.body) for logged in log.events(kinds=(kind,))]


def face_of(page: Page) -> str:
    """Return the identifier of the face that is shown."""
    return page.url.split("?")[0].rsplit("/", 1)[-1]
