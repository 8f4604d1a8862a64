"""How the page looks and is reached: without mouse, by touch, on small screens, in light and dark."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from tests.annotations.acts import event, face_id
from tests.annotations.app.pages import place_on_screen, wait_until_saved

Serve = Callable[..., str]
AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET: dict[str, Any] = {"viewport": {"width": 820, "height": 1180}, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}}


def _check(page: Page) -> None:
    """Hold what is shown to the rules of axe-core."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert not found, json.dumps([{one["id"]: [node["html"] for node in one["nodes"]]} for one in found], indent=1)


def _compare(workspace: Workspace) -> None:
    """Let two raters rate the same faces and a third another one."""
    with RatingLog(workspace.ratings_log) as log:
        for rater, numbers in (("anna", range(20)), ("ben", range(20)), ("eve", range(30, 31))):
            acts = [event("rate", faces=[face_id(n)], valence=n / 40, arousal=-n / 40) for n in numbers]
            log.append(rater, acts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
def test_axe_finds_nothing(
    browser: Browser, serve: Serve, workspace: Workspace, device: dict[str, Any], scheme: Any
) -> None:
    _compare(workspace)
    context = browser.new_context(color_scheme=scheme, bypass_csp=True, **device)
    page = context.new_page()
    page.goto(serve(workspace, tasks=("va", "emotion"), premarks="prior") + "?rater=anna")
    expect(page.locator("#who-dialog")).to_be_visible()
    _check(page)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".thumb[aria-current]")).to_be_visible()
    _check(page)
    page.get_by_label("Usual points").check()
    page.keyboard.press("4")
    page.mouse.click(*place_on_screen(page, -0.9, -0.9))
    expect(page.locator(".says[data-kind=warning]")).to_be_visible()
    _check(page)
    if device is DESK:
        page.keyboard.press("?")
        expect(page.locator("#help-dialog")).to_be_visible()
        _check(page)
        page.keyboard.press("Escape")
    context.set_offline(True)
    page.keyboard.press("u")
    expect(page.locator("#unsent")).to_be_visible()
    _check(page)
    context.set_offline(False)
    wait_until_saved(page)
    page.get_by_role("link", name="Videos").click()
    expect(page.locator(".videos")).to_be_visible()
    if device is not PHONE:
        expect(page.get_by_text("/ 0:02.0")).to_be_visible()
    _check(page)
    page.get_by_role("link", name="Agreement").click()
    expect(page.get_by_role("rowheader", name="anna & ben")).to_be_visible()
    _check(page)
    context.close()
