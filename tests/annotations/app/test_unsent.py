"""What the page has not sent yet: it goes to the log that it belongs to, and to no other."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.annotations.app.conftest import serving
from tests.annotations.app.pages import click, events_of, open_page, rows_of, wait_until_saved
from tests.annotations.rating_events import rating_workspace


class _Port:
    """One port at which one workspace after the other is served."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.number = 0

    def serve(self, workspace: Workspace, *, token: str | None = None) -> str:
        self.stop()
        address = self._stack.enter_context(serving(workspace, port=self.number, token=token))
        self.number = urlsplit(address).port or 0
        return address

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def port() -> Iterator[_Port]:
    port = _Port()
    yield port
    port.stop()


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace of the same faces with a log of its own."""
    return rating_workspace(tmp_path_factory.mktemp("other"), labelled=False)


def _rate(page: Page, first: int, last: int) -> None:
    for number in range(first, last + 1):
        expect(page.get_by_text(f"Face {number} of 40")).to_be_visible()
        click(page, number / 10, 0)
    expect(page.get_by_text(f"Face {last + 1} of 40")).to_be_visible()


def _try_now(page: Page) -> None:
    """Tell the page that the network is back, as a browser does: by itself it tries again after up to ten seconds."""
    page.evaluate("dispatchEvent(new Event('online'))")


def _valences(workspace: Workspace) -> list[float]:
    return sorted(round(row["valence"], 1) for row in rows_of(workspace))


def test_a_tab_that_is_closed_while_the_server_is_away_hands_over_to_the_next(
    port: _Port, context: BrowserContext, unlabelled: Workspace
) -> None:
    page = open_page(context, port.serve(unlabelled))
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    wait_until_saved(page)
    port.stop()
    click(page, -0.5, 0.5)
    expect(page.locator("#saved")).to_have_attribute("data-state", "waiting")
    page.close()
    assert rows_of(unlabelled) == []
    # Another rater opens the browser; what the first one did still goes to the first one.
    wait_until_saved(open_page(context, port.serve(unlabelled), rater="ben"))
    (row,) = rows_of(unlabelled)
    assert (row["rater"], round(row["valence"], 1)) == ("anna", -0.5)


def test_answers_wait_for_their_log_while_another_workspace_is_served(
    port: _Port, context: BrowserContext, unlabelled: Workspace, other: Workspace
) -> None:
    address = port.serve(unlabelled)
    page = open_page(context, address)
    _rate(page, 1, 1)
    wait_until_saved(page)
    port.stop()
    _rate(page, 2, 4)
    expect(page.locator("#saved")).to_have_attribute("data-state", "waiting")

    # The tab that is still open sends nothing to the other log, and says why.
    port.serve(other)
    _try_now(page)
    expect(page.locator("#unsent")).to_contain_text("another workspace is served here now")
    # Nor does another tab, whichever rater it is; it rates into its own log.
    second = open_page(context, address, rater="anna")
    expect(second.locator("#unsent")).to_contain_text("for another workspace are kept in this browser")
    _rate(second, 1, 1)
    expect(second.locator("#saved")).to_have_attribute("data-state", "kept")
    expect(second.locator("#saved")).not_to_contain_text("All saved")
    assert _valences(other) == [0.1]
    assert _valences(unlabelled) == [0.1]
    page.close()
    second.close()

    port.serve(unlabelled)
    third = open_page(context, address, rater="ben")
    wait_until_saved(third)
    expect(third.locator("#unsent")).to_be_hidden()
    assert _valences(unlabelled) == [0.1, 0.2, 0.3, 0.4]
    assert {row["rater"] for row in rows_of(unlabelled)} == {"anna"}
    assert _valences(other) == [0.1]
    assert events_of(other, "shown")
    port.serve(other)
    wait_until_saved(open_page(context, address))


def test_a_log_that_was_made_anew_is_another_one(port: _Port, context: BrowserContext, unlabelled: Workspace) -> None:
    page = open_page(context, port.serve(unlabelled))
    _rate(page, 1, 1)
    wait_until_saved(page)
    port.stop()
    _rate(page, 2, 2)
    expect(page.locator("#saved")).to_have_attribute("data-state", "waiting")
    for path in unlabelled.ratings_log.parent.glob("ratings.sqlite*"):
        path.unlink()
    port.serve(unlabelled)
    expect(page.locator("#unsent")).to_contain_text("another workspace is served here now")
    assert rows_of(unlabelled) == []


def test_what_is_refused_is_kept_and_can_be_downloaded(
    port: _Port, context: BrowserContext, unlabelled: Workspace, tmp_path: Path
) -> None:
    address = port.serve(unlabelled)
    page = open_page(context, address)
    _rate(page, 1, 1)
    wait_until_saved(page)
    port.stop()
    _rate(page, 2, 3)
    table = store.read_faces(unlabelled)
    gone = page.url.rsplit("/", 1)[-1]
    faces = [row["face_id"] for row in rows_of(unlabelled)]
    keep = [face_id in faces for face_id in table["face_id"].to_pylist()]
    store.write_table(unlabelled.manifest, FACES, table.filter(keep))
    port.serve(unlabelled)
    _try_now(page)
    notice = page.locator("#unsent")
    expect(notice).to_contain_text("refused: there is no face")
    expect(page.locator("#saved")).to_have_attribute("data-state", "kept")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    unsent = json.loads(Path(download.value.path()).read_text())["unsent"]
    assert sorted(round(one["event"]["valence"], 1) for one in unsent if one["event"]["kind"] == "rate") == [0.2, 0.3]
    assert {one["rater"] for one in unsent} == {"anna"}
    with RatingLog(unlabelled.ratings_log) as log:
        assert {one["log"] for one in unsent} == {log.identity}
    assert gone not in faces

    # When the faces are back, so are the answers.
    page.close()
    store.write_table(unlabelled.manifest, FACES, table)
    port.serve(unlabelled)
    wait_until_saved(open_page(context, address, rater="ben"))
    assert _valences(unlabelled) == [0.1, 0.2, 0.3]


def test_two_tabs_are_two_raters_and_a_link_only_fills_in_the_dialog(
    port: _Port, context: BrowserContext, unlabelled: Workspace
) -> None:
    address = port.serve(unlabelled)
    anna, ben = open_page(context, address, rater="anna"), open_page(context, address, rater="ben")
    _rate(anna, 1, 1)
    _rate(ben, 1, 2)
    for page in (anna, ben):
        wait_until_saved(page)
        page.reload()
    expect(anna.locator("#who-name")).to_have_text("anna")
    expect(ben.locator("#who-name")).to_have_text("ben")
    expect(anna.locator("#progress-text")).to_have_text("1 of 40 faces rated")
    anna.goto(f"{address}?rater=eve")
    expect(anna.get_by_label("Rater", exact=True)).to_have_value("eve")
    with RatingLog(unlabelled.ratings_log) as log:
        assert log.raters() == ["anna", "ben"]


def test_with_a_token_a_rater_comes_back_with_the_code_alone(
    port: _Port, context: BrowserContext, unlabelled: Workspace
) -> None:
    token = "0123456789abcdef"
    address = port.serve(unlabelled, token=token)
    context.new_page().goto(f"{address}?token={token}")
    page = open_page(context, address)
    expect(page.get_by_text("Your code is")).to_be_visible()
    code = page.locator("#code-input").input_value()
    page.keyboard.press("Escape")
    _rate(page, 1, 1)
    wait_until_saved(page)
    port.stop()
    _rate(page, 2, 2)
    page.close()

    # Another rater can neither enter as anna nor send or read what she left.
    port.serve(unlabelled, token=token)
    ben = context.new_page()
    ben.goto(f"{address}?rater=anna")
    ben.get_by_role("button", name="Begin").click()
    expect(ben.get_by_text("anna has a code")).to_be_visible()
    ben.get_by_label("Rater", exact=True).fill("ben")
    ben.get_by_role("button", name="Begin").click()
    expect(ben.get_by_text("Your code is")).to_be_visible()
    ben.keyboard.press("Escape")
    expect(ben.locator("#unsent")).to_contain_text("of anna are kept in this browser")
    assert _valences(unlabelled) == [0.1]

    again = context.new_page()
    again.goto(f"{address}?rater=anna&code={code}")
    again.get_by_role("button", name="Begin").click()
    wait_until_saved(again)
    assert _valences(unlabelled) == [0.1, 0.2]
    assert code not in again.url


def test_a_clock_that_was_set_back_does_not_make_the_older_answer_win(
    port: _Port, context: BrowserContext, unlabelled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(context, port.serve(unlabelled))
    page.get_by_label("Continue automatically").uncheck()
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    click(page, 0.9, 0)
    wait_until_saved(page)
    real = time.time
    monkeypatch.setattr("fertools.annotations.log.time.time", lambda: real() - 3600)
    monkeypatch.setattr("fertools.annotations.app.service.time.time", lambda: real() - 3600)
    click(page, -0.2, 0)
    wait_until_saved(page)
    assert _valences(unlabelled) == [-0.2]
    page.reload()
    expect(page.get_by_label("Valence, from")).to_have_value("-0.20")
    click(page, -0.5, 0)
    wait_until_saved(page)
    assert _valences(unlabelled) == [-0.5]
