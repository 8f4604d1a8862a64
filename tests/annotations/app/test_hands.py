"""Hands that are faster than eyes: keys that are held, pressed twice, or pressed before the next face has come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fertools.annotations.log import RatingLog
from fertools.annotations.queue_plan import Plan
from fertools.core.workspace import Workspace
from tests.annotations.app.pages import events_of, open_page, rows_of, wait_until_saved

Serve = Callable[..., str]

_HOLD = """([key, count]) => {
  const options = { key, bubbles: true, cancelable: true };
  for (let i = 0; i < count; i++) {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { ...options, repeat: i > 0 }));
  }
  document.activeElement.dispatchEvent(new KeyboardEvent("keyup", options));
}"""
_PRESS = """(keys) => {
  for (const key of keys) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }
}"""
"""Presses keys one right after the other, within one turn of the page, so that no pause can pass between them."""


def _expect_answered(page: Page, count: int) -> None:
    expect(page.locator("#progress-text")).to_have_text(f"{count} of 40 faces rated")
    wait_until_saved(page)


def test_a_held_enter_takes_one_suggestion(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    page = open_page(context, serve(workspace, suggestions="prior", plan=Plan(hidden=0)))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.evaluate(_HOLD, ["Enter", 100])
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    page.evaluate(_HOLD, ["Enter", 100])
    expect(page.get_by_text("Face 3 of 40")).to_be_visible()
    _expect_answered(page, 2)
    assert [row["accepted"] for row in rows_of(workspace)] == [True, True]


def test_a_suggestion_is_not_taken_before_its_face_was_seen(
    serve: Serve, context: BrowserContext, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace, suggestions="prior", plan=Plan(hidden=0)))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.evaluate(_PRESS, ["Enter"] * 40)
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    _expect_answered(page, 1)
    with RatingLog(workspace.ratings_log) as log:
        shown, rated = (next(log.events(kinds=(kind,))).event.at_ms for kind in ("shown", "rate"))
    assert rated - shown >= 500


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_digit_pressed_again_confirms(
    serve: Serve, context: BrowserContext, workspace: Workspace, by_itself: bool
) -> None:
    page = open_page(context, serve(workspace, tasks=("emotion",)))
    page.get_by_label("Continue automatically").set_checked(by_itself)
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.evaluate(_PRESS, ["4", "4", "4"])
    page.locator("#main").focus()
    if not by_itself:
        page.keyboard.press("Space")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    _expect_answered(page, 1)
    page.keyboard.press("Backspace")
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.keyboard.press("4")
    _expect_answered(page, 1)
    assert [row["emotion"] for row in rows_of(workspace)] == ["happiness"]
    assert len(events_of(workspace, "emotion")) == 1


def test_nought_takes_an_expression_off(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    page = open_page(context, serve(workspace, tasks=("emotion",)))
    page.get_by_label("Continue automatically").uncheck()
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.keyboard.press("4")
    _expect_answered(page, 1)
    page.keyboard.press("0")
    _expect_answered(page, 0)


def test_keys_in_the_pause_are_for_the_faces_that_come(
    serve: Serve, context: BrowserContext, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace, tasks=("emotion",)))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.evaluate(_PRESS, ["4", "5", "u", "6"])
    expect(page.get_by_text("Face 5 of 40")).to_be_visible()
    _expect_answered(page, 4)
    words = [page.locator(".thumb").nth(place).get_attribute("aria-label") for place in range(4)]
    assert words == [
        "Face 1, rated, happiness",
        "Face 2, rated, neutral",
        "Face 3, rated",
        "Face 4, rated, sadness",
    ]


def test_an_undo_in_the_pause_stays_at_the_face(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    page = open_page(context, serve(workspace, tasks=("emotion",)))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.evaluate(_PRESS, ["4", "5", "z"])
    _expect_answered(page, 0)
    page.keyboard.press("6")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    _expect_answered(page, 1)
    assert [row["emotion"] for row in rows_of(workspace)] == ["sadness"]
