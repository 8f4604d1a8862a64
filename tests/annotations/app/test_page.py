"""The page in a real browser, against the real server: what a rater does, and what must not be lost."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fertools.annotations.log import RatingLog
from fertools.annotations.queue_plan import Plan
from fertools.annotations.traces import read_takes
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.annotations.app.pages import (
    click,
    events_of,
    face_of,
    open_page,
    place_on_screen,
    rows_of,
    wait_until_saved,
)
from tests.annotations.rating_events import event, face_id, rating_workspace

Serve = Callable[..., str]


def test_click_a_point_and_the_next_face_comes(serve: Serve, context: BrowserContext, unlabelled: Workspace) -> None:
    page = open_page(context, serve(unlabelled))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    first = face_of(page)
    click(page, 0.5, -0.25)
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    expect(page.locator("#progress-text")).to_have_text("1 of 40 faces rated")
    wait_until_saved(page)
    (row,) = rows_of(unlabelled)
    assert row["face_id"] == first
    assert row["valence"] == pytest.approx(0.5, abs=0.01)
    assert row["arousal"] == pytest.approx(-0.25, abs=0.01)
    assert page.faults == []  # type: ignore[attr-defined]


def test_the_surroundings_of_a_face_are_shown_and_the_face_again(
    serve: Serve, context: BrowserContext, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    first = face_of(page)
    image = page.locator(".portrait img")
    page.keyboard.press("o")
    expect(image).to_have_attribute("src", f"/surroundings/{first}")
    expect(page.get_by_role("button", name="Surroundings")).to_have_attribute("aria-pressed", "true")
    expect(image).to_have_js_property("naturalWidth", 128)
    page.keyboard.press("o")
    expect(image).to_have_attribute("src", f"/face/{first}")
    # Without the original the face stays, and the page says why.
    for source in store.read_sources(workspace, ["path"])["path"].to_pylist():
        workspace.path_of(source).unlink(missing_ok=True)
    click(page, 0.5, -0.25)
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    page.get_by_role("button", name="Surroundings").click()
    expect(page.get_by_text("only the face is shown")).to_be_visible()
    expect(image).to_have_attribute("src", f"/face/{face_of(page)}")


def test_by_keyboard_alone(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    page = open_page(context, serve(workspace, tasks=("va", "emotion")))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    first = face_of(page)
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("Now choose the expression.")).to_be_visible()
    page.keyboard.press("5")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("Face 3 of 40")).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_text("Face 3 of 40")).to_be_visible()
    page.keyboard.press("f")
    page.get_by_label("What should others know").fill("half turned away")
    page.get_by_role("button", name="Save the note").click()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    wait_until_saved(page)
    rows = {row["face_id"]: row for row in rows_of(workspace)}
    assert (rows[first]["valence"], rows[first]["arousal"], rows[first]["emotion"]) == (0.1, 0.01, "neutral")
    assert sorted([row["flags"] for row in rows.values()]) == [[], ["note"], ["unsure"]]


def test_undo_and_redo_survive_a_reload(serve: Serve, context: BrowserContext, unlabelled: Workspace) -> None:
    page = open_page(context, serve(unlabelled))
    for number in range(1, 4):
        expect(page.get_by_text(f"Face {number} of 40")).to_be_visible()
        click(page, number / 10, 0)
    expect(page.get_by_text("Face 4 of 40")).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_text("Face 3 of 40")).to_be_visible()
    wait_until_saved(page)
    page.reload()
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    expect(page.locator("#progress-text")).to_have_text("1 of 40 faces rated")
    page.keyboard.press("y")
    expect(page.locator("#progress-text")).to_have_text("2 of 40 faces rated")
    wait_until_saved(page)
    assert sorted(round(row["valence"], 1) for row in rows_of(unlabelled)) == [0.1, 0.2]
    assert len(events_of(unlabelled, "rate")) == 3


def test_without_network_nothing_is_lost_and_it_is_sent_later(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, serve(unlabelled))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    wait_until_saved(page)
    context.set_offline(True)
    for number in range(1, 4):
        expect(page.get_by_text(f"Face {number} of 40")).to_be_visible()
        click(page, number / 10, 0)
    expect(page.locator("#saved")).to_have_attribute("data-state", "waiting")
    expect(page.locator("#saved")).to_contain_text("no connection")
    page.keyboard.press("z")
    assert rows_of(unlabelled) == []
    context.set_offline(False)
    wait_until_saved(page)
    expect(page.locator("#progress-text")).to_have_text("2 of 40 faces rated")
    assert sorted(round(row["valence"], 1) for row in rows_of(unlabelled)) == [0.1, 0.2]


def test_two_tabs_of_one_rater_agree(serve: Serve, context: BrowserContext, unlabelled: Workspace) -> None:
    address = serve(unlabelled)
    first, second = open_page(context, address), open_page(context, address)
    for page in (first, second):
        expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    face = face_of(first)
    click(first, 0.3, 0)
    expect(first.get_by_text("Face 2 of 40")).to_be_visible()
    expect(second.locator(".thumb").first).to_have_attribute("aria-label", "Face 1, rated, valence +0.30, arousal 0.00")
    click(second, -0.3, 0)
    expect(first.locator(".thumb").first).to_have_attribute("aria-label", "Face 1, rated, valence −0.30, arousal 0.00")
    first.keyboard.press("z")
    expect(second.locator(".thumb").first).to_have_attribute("aria-label", "Face 1, rated, valence +0.30, arousal 0.00")
    wait_until_saved(first)
    wait_until_saved(second)
    (row,) = rows_of(unlabelled)
    assert (row["face_id"], round(row["valence"], 1)) == (face, 0.3)


def test_a_run_takes_one_answer(serve: Serve, context: BrowserContext, unlabelled: Workspace) -> None:
    page = open_page(context, serve(unlabelled))
    page.get_by_label("Continue automatically").uncheck()
    button = page.get_by_role("button", name="Same for 9 near-identical")
    expect(button).to_be_disabled()
    click(page, 0.2, 0.2)
    expect(button).to_be_enabled()
    page.keyboard.press("r")
    expect(page.locator("#progress-text")).to_have_text("10 of 40 faces rated")
    wait_until_saved(page)
    assert sum(row["identical"] for row in rows_of(unlabelled)) == 9


def test_calibration_is_followed_by_the_known_rating(serve: Serve, context: BrowserContext, tmp_path: Path) -> None:
    workspace = rating_workspace(tmp_path, rated=True)
    page = open_page(context, serve(workspace, plan=Plan(calibration=2)))
    expect(page.get_by_text("Calibration 1 of 2")).to_be_visible()
    click(page, 0.9, -0.9)
    feedback = page.locator(".says[data-kind=feedback]")
    expect(feedback).to_contain_text("Known rating (the mean of people's ratings): valence +0.50, arousal −0.50.")
    expect(feedback).to_contain_text("Yours is 0.57 away")
    expect(page.locator(".plane .reference path")).to_have_count(1)
    # A correction is compared anew and goes nowhere by itself.
    click(page, 0.5, -0.5)
    expect(feedback).to_contain_text(re.compile("Yours is 0.0[01] away"))
    expect(page.get_by_text("Calibration 1 of 2")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Calibration 2 of 2")).to_be_visible()
    expect(page.locator(".plane .reference path")).to_have_count(0)
    wait_until_saved(page)
    assert [one["origin"] for one in events_of(workspace, "feedback")] == ["people"]


def test_calibration_without_network_says_so_and_shows_the_rating_later(
    serve: Serve, context: BrowserContext, tmp_path: Path
) -> None:
    page = open_page(context, serve(rating_workspace(tmp_path, rated=True), plan=Plan(calibration=3)))
    expect(page.get_by_text("Calibration 1 of 3")).to_be_visible()
    wait_until_saved(page)
    context.set_offline(True)
    click(page, 0.9, -0.9)
    feedback = page.locator(".says[data-kind=feedback]")
    expect(feedback).to_contain_text("the server cannot be reached")
    context.set_offline(False)
    expect(feedback).to_contain_text("Known rating")
    expect(page.get_by_text("Calibration 1 of 3")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Calibration 2 of 3")).to_be_visible()
    wait_until_saved(page)
    context.set_offline(True)
    click(page, 0.9, -0.9)
    expect(feedback).to_contain_text("the server cannot be reached")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Calibration 3 of 3")).to_be_visible()
    context.set_offline(False)
    wait_until_saved(page)
    expect(page.get_by_text("Calibration 3 of 3")).to_be_visible()


def test_a_suggestion_is_a_ghost_until_it_is_taken(serve: Serve, context: BrowserContext, workspace: Workspace) -> None:
    page = open_page(context, serve(workspace, suggestions="prior", plan=Plan(calibration=0, hidden=0)))
    expect(page.locator(".plane .suggestion circle")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    wait_until_saved(page)
    (row,) = rows_of(workspace)
    assert (row["accepted"], row["suggestion"]) == (True, "shown")


def test_hidden_suggestions_are_not_drawn_but_written_down(
    serve: Serve, context: BrowserContext, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace, suggestions="prior", plan=Plan(calibration=0, hidden=1)))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    expect(page.locator(".plane .suggestion circle")).to_have_count(0)
    click(page, 0, 0)
    expect(page.locator("#progress-text")).to_have_text("1 of 40 faces rated")
    wait_until_saved(page)
    (row,) = rows_of(workspace)
    assert (row["accepted"], row["suggestion"]) == (False, "hidden")
    assert events_of(workspace, "shown")[0]["suggestion"]["origin"] == "prior"


def test_a_far_value_is_warned_of_and_kept_as_it_is(
    serve: Serve, context: BrowserContext, workspace: Workspace
) -> None:
    page = open_page(context, serve(workspace, tasks=("va", "emotion")))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.keyboard.press("4")
    click(page, -0.9, -0.9)
    expect(page.locator(".says[data-kind=warning]")).to_contain_text("far from the usual point of happiness")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Face 2 of 40")).to_be_visible()
    wait_until_saved(page)
    (row,) = rows_of(workspace)
    assert (round(row["valence"], 1), row["emotion"]) == (-0.9, "happiness")
    (warning,) = events_of(workspace, "warning")
    assert (warning["warning"], warning["emotion"]) == ("outside", "happiness")
    assert len(events_of(workspace, "override")) == 1


def test_a_typed_value_counts_and_a_wrong_one_does_not(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, serve(unlabelled))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    page.get_by_label("Valence, from").fill("1.5")
    page.get_by_label("Arousal, from").fill("0.25")
    page.get_by_label("Arousal, from").press("Enter")
    expect(page.locator(".says[data-kind=warning]")).to_contain_text("Valence must be between")
    page.get_by_label("Valence, from").fill("-0.75")
    page.get_by_label("Valence, from").press("Enter")
    expect(page.locator("#progress-text")).to_have_text("1 of 40 faces rated")
    wait_until_saved(page)
    (row,) = rows_of(unlabelled)
    assert (row["valence"], row["arousal"]) == (-0.75, 0.25)


def test_links_open_faces_and_videos(serve: Serve, context: BrowserContext, unlabelled: Workspace) -> None:
    address = serve(unlabelled)
    page = open_page(context, address)
    page.locator(".thumb").nth(7).click()
    expect(page.get_by_text("Face 8 of 40")).to_be_visible()
    again = open_page(context, address, page.url.removeprefix(address).split("?")[0])
    expect(again.get_by_text("Face 8 of 40")).to_be_visible()
    expect(open_page(context, address, "faces/main/nobody").locator(".says")).to_contain_text("no face 'nobody'")
    expect(open_page(context, address, "videos").get_by_role("button", name="Video 1")).to_be_visible()


_PLAY_ON = """async () => {
  const video = document.querySelector("video");
  const from = video.currentTime;
  await video.play();
  // Some repaints at least, so that the page has read the pointer. The last frames are played to the end: a video that
  // is stopped just there has ended, but never says so.
  const goesOn = (repaints) => repaints < 3 || video.currentTime - from < 0.06 || video.currentTime > 1.8;
  for (let repaints = 0; !video.ended && goesOn(repaints); repaints++) await new Promise(requestAnimationFrame);
  if (!video.ended) video.pause();
}"""
"""Plays a few frames of the video and stops it again."""


def _trace(page: Page) -> set[tuple[float, float]]:
    """Record until the video ends while the pointer goes round; return where it was.

    The video only plays while the pointer rests, so that it waits for the slowest machine.
    """
    expect(page.get_by_text("/ 0:02.0")).to_be_visible()
    page.mouse.move(*place_on_screen(page, 0.9, -0.9))
    page.keyboard.press("Space")
    recording = page.get_by_text("Recording", exact=True)
    expect(recording).to_be_visible()
    page.evaluate("document.querySelector('video').pause()")
    places = {(0.9, -0.9)}
    for number in itertools.count():
        place = (round(0.6 + number % 4 / 10, 1), round(-0.6 - number % 3 / 10, 1))
        page.mouse.move(*place_on_screen(page, *place))
        places.add(place)
        page.evaluate(_PLAY_ON)
        if not recording.is_visible() or page.evaluate("document.querySelector('video').ended"):
            expect(recording).to_be_hidden()
            return places
    raise AssertionError


def test_a_trace_is_keyed_to_the_frames_that_were_shown(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, serve(unlabelled), "videos")
    places = _trace(page)
    expect(page.get_by_role("button", name="Video 1")).to_contain_text("traced")
    wait_until_saved(page)
    with RatingLog(unlabelled.ratings_log) as log:
        (samples,) = read_takes(log)["samples"].tolist()
    # Every frame is the one whose time the browser gave, and times go on.
    assert samples[:, 0].tolist() == [round(media_s * 25) for media_s in samples[:, 1].tolist()]
    assert (samples[1:, 1] >= samples[:-1, 1]).all()
    assert (samples[1:, 2] > samples[:-1, 2]).all()
    traced = [row for row in rows_of(unlabelled) if row["kind"] == "trace"]
    assert {row["frame_index"] for row in traced} == set(samples[:, 0].astype(int).tolist())
    assert {row["pts_s"] for row in traced} <= {round(frame / 25, 3) for frame in range(50)}
    assert {(round(valence, 1), round(arousal, 1)) for valence, arousal in samples[:, 3:].tolist()} <= places
    assert min(row["valence"] for row in traced) > 0.5
    assert page.faults == []  # type: ignore[attr-defined]


def test_a_browser_that_does_not_say_which_frame_it_shows_goes_by_the_playing_time(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    context.add_init_script("delete HTMLVideoElement.prototype.requestVideoFrameCallback")
    page = open_page(context, serve(unlabelled), "videos")
    _trace(page)
    wait_until_saved(page)
    assert events_of(unlabelled, "take")[0]["exact"] is False
    with RatingLog(unlabelled.ratings_log) as log:
        (samples,) = read_takes(log)["samples"].tolist()
    frames, media_s = samples[:, 0], samples[:, 1]
    assert len(set(frames.tolist())) > 1
    assert (frames / 25 <= media_s + 1e-3).all()
    assert (media_s[frames < 49] < (frames[frames < 49] + 1) / 25 + 1e-3).all()


def test_a_stretch_is_recorded_again_on_one_axis_and_undone(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, serve(unlabelled), "videos")
    _trace(page)
    wait_until_saved(page)
    before = rows_of(unlabelled)
    page.get_by_label("Axis").select_option("arousal")
    page.get_by_label("Speed").select_option("2")
    page.get_by_role("button", name="Back 5 s").click()
    page.locator(".plane svg").focus()
    _trace(page)
    wait_until_saved(page)
    takes = events_of(unlabelled, "take")
    assert [(take["axis"], take["speed"]) for take in takes] == [("both", 1), ("arousal", 2)]
    assert [(row["frame_index"], row["valence"]) for row in before] == [
        (row["frame_index"], row["valence"]) for row in rows_of(unlabelled) if row["valence"] is not None
    ]
    page.keyboard.press("z")
    wait_until_saved(page)
    assert rows_of(unlabelled) == before


def test_a_video_that_no_browser_plays_is_traced_on_its_copy(
    serve: Serve, context: BrowserContext, tmp_path: Path
) -> None:
    workspace = rating_workspace(tmp_path, videos={"clip.avi": "mpeg4"})
    page = open_page(context, serve(workspace), "videos")
    _trace(page)
    wait_until_saved(page)
    frames = [row["frame_index"] for row in rows_of(workspace) if row["kind"] == "trace"]
    assert 1 < len(frames) <= 50
    assert max(frames) < 50


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (820, 1180), (1180, 820)])
def test_all_of_it_is_on_the_screen_and_has_a_name(
    serve: Serve, context: BrowserContext, workspace: Workspace, width: int, height: int
) -> None:
    address = serve(workspace, tasks=("va", "emotion"))
    for path in ("faces", "videos"):
        page = open_page(context, address, path)
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator(".plane svg")).to_be_visible()
        for selector in (".plane-box", ".says", ".portrait" if path == "faces" else ".screen"):
            box = page.locator(selector).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button, a, input, select, textarea, [tabindex=\"0\"]')]"
            ".filter((one) => one.offsetParent && !(one.getAttribute('aria-label') || one.innerText.trim() "
            "|| one.labels?.length)).map((one) => one.outerHTML)"
        )
        assert unnamed == []
        page.close()


def test_agreement_is_shown_in_the_page(serve: Serve, context: BrowserContext, unlabelled: Workspace) -> None:
    with RatingLog(unlabelled.ratings_log) as log:
        for rater, third in (("anna", 1.0), ("ben", -1.0)):
            values = [third if number == 3 else number / 20 for number in range(20)]
            acts = [event("rate", faces=[face_id(n)], valence=value, arousal=-value) for n, value in enumerate(values)]
            log.append(rater, acts)
    page = open_page(context, serve(unlabelled), "agreement")
    table = page.get_by_role("table", name="faces, from 1 video", exact=True)
    expect(table.get_by_role("rowheader")).to_contain_text(["CCC", "PCC", "ICC(2,1)", "ICC(2,k)", "ICC(3,k)", "alpha"])
    expect(page.get_by_role("rowheader", name="anna & ben")).to_be_visible()
    page.get_by_role("link", name="Open this face").first.click()
    expect(page.get_by_text(re.compile("Face [0-9]+ of 40"))).to_be_visible()
    assert face_of(page) == face_id(3)
    assert page.faults == []  # type: ignore[attr-defined]


def test_the_page_says_that_the_faces_have_changed(
    serve: Serve, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, serve(unlabelled))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    wait_until_saved(page)
    expect(page.locator("#notice")).to_be_hidden()
    store.write_table(unlabelled.manifest, FACES, store.read_faces(unlabelled).slice(1))
    click(page, 0.5, 0)
    expect(page.locator("#notice")).to_contain_text("end fertools annotate and start it again")
    wait_until_saved(page)
