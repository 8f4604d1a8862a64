"""How the page looks and is reached: without mouse, by touch, on small screens, in light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from fertools.annotations.log import RatingLog
from fertools.annotations.queue_plan import Plan
from fertools.core.workspace import Workspace
from tests.annotations.app.pages import events_of, open_page, place_on_screen, wait_until_saved
from tests.annotations.rating_events import event, face_id, rating_workspace
from tests.browser import check_page

Serve = Callable[..., str]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET: dict[str, Any] = {"viewport": {"width": 820, "height": 1180}, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}}


def _compare(workspace: Workspace) -> None:
    """Let two raters rate the same faces and a third another one."""
    with RatingLog(workspace.ratings_log) as log:
        for rater, numbers in (("anna", range(20)), ("ben", range(20)), ("eve", range(30, 31))):
            acts = [event("rate", faces=[face_id(n)], valence=n / 40, arousal=-n / 40) for n in numbers]
            log.append(rater, acts)


@pytest.mark.parametrize(
    ("device", "scheme"),
    [(DESK, "light"), (DESK, "dark"), (TABLET, "light"), (PHONE, "dark")],
    ids=["desk", "desk in the dark", "tablet", "phone in the dark"],
)
def test_axe_finds_nothing(
    browser: Browser, serve: Serve, workspace: Workspace, device: dict[str, Any], scheme: Any
) -> None:
    _compare(workspace)
    context = browser.new_context(color_scheme=scheme, bypass_csp=True, **device)
    page = context.new_page()
    page.goto(serve(workspace, tasks=("va", "emotion"), suggestions="prior") + "?rater=anna")
    expect(page.locator("#who-dialog")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".thumb[aria-current]")).to_be_visible()
    check_page(page)
    page.get_by_label("Usual points").check()
    page.keyboard.press("4")
    page.mouse.click(*place_on_screen(page, -0.9, -0.9))
    expect(page.locator(".says[data-kind=warning]")).to_be_visible()
    check_page(page)
    if device is DESK:
        page.keyboard.press("?")
        expect(page.locator("#help-dialog")).to_be_visible()
        check_page(page)
        page.keyboard.press("Escape")
    context.set_offline(True)
    page.keyboard.press("u")
    expect(page.locator("#unsent")).to_be_visible()
    check_page(page)
    context.set_offline(False)
    wait_until_saved(page)
    page.get_by_role("link", name="Videos").click()
    expect(page.locator(".videos")).to_be_visible()
    if device is not PHONE:
        expect(page.get_by_text("/ 0:02.0")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Agreement").click()
    expect(page.get_by_role("rowheader", name="anna & ben")).to_be_visible()
    check_page(page)
    context.close()


def test_the_plane_is_a_few_stops_of_the_tab_key_away(
    serve: Serve, context: BrowserContext, workspace: Workspace
) -> None:
    address = serve(workspace, tasks=("va", "emotion"))
    for path in ("faces", "videos"):
        page = open_page(context, address, path)
        expect(page.locator(".plane svg")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.locator(".plane svg")).to_be_focused()
    page = open_page(context, address)
    expect(page.locator(".thumb[aria-current]")).to_be_visible()
    assert page.locator(".thumb[tabindex='0']").count() == 1
    page.locator(".thumb").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".thumb").nth(1)).to_be_focused()


def test_an_error_of_any_length_leaves_undo_on_the_screen(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, serve(unlabelled))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    wait_until_saved(page)
    words = "the disk is full " * 40
    page.route("**/api/events", lambda route: route.fulfill(status=503, json={"error": words}))
    page.mouse.click(*place_on_screen(page, 0.5, 0))
    expect(page.locator("#unsent")).to_contain_text("the disk is full")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    for width in (1280, 1101, 820, 390):
        page.set_viewport_size({"width": width, "height": 720})
        for name in ("Undo", "Rater: anna"):
            box = page.get_by_role("button", name=name).bounding_box()
            assert box is not None
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, (width, name)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.unroute("**/api/events")
    wait_until_saved(page)
    expect(page.locator("#unsent")).to_be_hidden()


def test_a_new_face_is_seen_at_once_on_a_phone(browser: Browser, serve: Serve, workspace: Workspace) -> None:
    context = browser.new_context(**PHONE)
    page = open_page(context, serve(workspace, tasks=("va", "emotion")))
    expect(page.locator(".thumb[aria-current]")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    expect(page.locator(".portrait")).to_be_in_viewport(ratio=1)
    context.close()


def test_valence_and_arousal_are_explained(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    address = serve(workspace)
    for path in ("faces", "videos"):
        page = open_page(context, address, path)
        expect(page.locator(".explain")).to_have_text(
            "Valence is how pleasant the shown feeling is. Arousal is how excited or calm it is."
        )


def test_the_expression_alone_uses_the_whole_width(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    page = open_page(context, serve(workspace, tasks=("emotion",)))
    expect(page.locator(".thumb[aria-current]")).to_be_visible()
    box = page.locator(".subject").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] > 1280 - 40
    assert box["width"] > 900
    expect(page.locator(".plane")).to_have_count(0)


def test_hints_fit_a_tablet_and_a_phone_is_told_that_tracing_needs_more(
    browser: Browser, serve: Serve, workspace: Workspace
) -> None:
    address = serve(workspace, suggestions="prior", plan=Plan(hidden=0))
    for device, wide in ((TABLET, True), (PHONE, False)):
        context = browser.new_context(**device)
        page = open_page(context, address, rater=f"width-{wide}")
        page.get_by_label("Continue automatically").uncheck()
        expect(page.get_by_role("button", name="Accept")).to_be_visible()
        page.get_by_role("button", name="Accept").tap()
        expect(page.locator("#progress-text")).to_have_text("1 of 40 faces rated")
        assert not any(one.is_visible() for one in page.locator("kbd").all())
        said = page.locator(".says").inner_text()
        page.get_by_role("link", name="Videos").tap()
        expect(page.locator(".narrow")).to_be_visible(visible=not wide)
        expect(page.locator(".plane svg")).to_be_visible(visible=wide)
        if wide:
            expect(page.locator(".says")).to_contain_text("Tap Record")
        assert "Space" not in said + page.locator(".says").inner_text()
        wait_until_saved(page)
        context.close()


_TAKE = """async () => {
  const { Timeline } = await import('/static/js/timeline.js');
  const timeline = new Timeline();
  document.body.replaceChildren(timeline.element);
  const colours = '--valence: rgb(255, 0, 0); --arousal: rgb(0, 0, 255); --line: transparent; --ink: transparent';
  document.body.style.cssText = `display: block; ${colours}`;
  timeline.element.style.cssText = 'width: 400px; height: 100px';
  const times_s = Array.from({ length: 100 }, (_, i) => i / 25);
  const trace = { frames: [0, 99], valence: [0.9, 0.9], arousal: [0.9, 0.9] };
  timeline.set(trace, times_s);
  const recorder = { axis: 'valence', samples: [] };
  const widths = [];
  for (const count of [0, 20, 60]) {
    recorder.samples = Array.from({ length: count }, (_, i) => [i, i / 25, i, -0.5, null]);
    timeline.take = recorder;
    timeline.draw();
    const { width, height } = timeline.element;
    const pixels = timeline.element.getContext('2d').getImageData(0, height / 2, width, height / 2).data;
    const columns = new Set();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i] > 128 && pixels[i + 3] > 128) columns.add((i / 4) % width);
    widths.push(columns.size / width);
  }
  return widths;
}"""


def test_the_timeline_grows_with_a_take(context: BrowserContext, serve: Serve, workspace: Workspace) -> None:
    page = context.new_page()
    page.goto(f"{serve(workspace)}static/icon.svg")
    page.goto(page.url.replace("static/icon.svg", "faces"))
    none, some, more = page.evaluate(_TAKE)
    assert none == 0
    assert 0.1 < some < 0.3
    assert 0.5 < more < 0.7


def test_a_dot_follows_the_pointer_and_the_trail_goes_with_its_video(
    context: BrowserContext, serve: Serve, tmp_path: Path
) -> None:
    workspace = rating_workspace(tmp_path, videos={"one.webm": "libvpx", "two.webm": "libvpx"})
    page = open_page(context, serve(workspace), "videos")
    expect(page.get_by_text("/ 0:02.0")).to_be_visible()
    page.mouse.move(*place_on_screen(page, 0.5, 0.5))
    page.keyboard.press("Space")
    dot = page.locator(".plane .dot circle")
    # In one question, since the dot leaves with the end of the video.
    place = dot.evaluate("dot => [dot.cx.baseVal.value, dot.cy.baseVal.value]")
    assert place == pytest.approx([0.5, -0.5], abs=0.02)
    expect(page.get_by_text("Recording", exact=True)).to_be_hidden()
    expect(dot).to_have_count(0)
    assert page.locator(".plane .trail path").count() > 0
    page.get_by_role("button", name="Video 2").click()
    expect(page.locator(".plane .trail path")).to_have_count(0)
    wait_until_saved(page)


def test_agreement_says_on_how_many_and_leaves_out_who_has_nothing_in_common(
    context: BrowserContext, serve: Serve, unlabelled: Workspace
) -> None:
    _compare(unlabelled)
    page = open_page(context, serve(unlabelled), "agreement")
    expect(page.get_by_role("row", name="anna & ben").first).to_contain_text("n\u00a0=\u00a020")
    expect(page.get_by_role("rowheader", name="anna & eve")).to_have_count(0)


def test_agreement_is_not_offered_where_it_is_hidden(
    context: BrowserContext, serve: Serve, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace, agreement=False), "agreement")
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    expect(page.get_by_role("link", name="Agreement")).to_be_hidden()


def test_a_far_value_is_not_warned_of_where_that_would_tell_the_label(
    context: BrowserContext, serve: Serve, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace))
    for number in range(1, 8):
        expect(page.get_by_text(f"Face {number} of 40")).to_be_visible()
        page.mouse.click(*place_on_screen(page, -0.95, -0.95))
    expect(page.get_by_text("Face 8 of 40")).to_be_visible()
    wait_until_saved(page)
    assert events_of(workspace, "warning") == []
