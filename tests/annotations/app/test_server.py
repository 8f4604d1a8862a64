"""The command that serves the page: how it starts and how it ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from tests.annotations.app.conftest import Served, start
from tests.annotations.app.writers import ask, post
from tests.annotations.rating_events import face_id, raw

Run = Callable[..., Served]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_cleanly_with_all_saved(run_command: Run, workspace: Workspace, number: int, code: int) -> None:
    served = run_command(workspace.root, "--va", "--port", "0")
    post(served.address, "/api/join", {"rater": "anna"})
    act = raw("rate", faces=[face_id(0)], valence=0.5, arousal=0.5)
    post(served.address, "/api/events", {"rater": "anna", "events": [act]})
    served.process.send_signal(number)
    _, error = served.process.communicate(timeout=60)
    assert served.process.returncode == code
    assert error.startswith("fertools: the rating page is closed")
    assert "Traceback" not in error
    with RatingLog(workspace.ratings_log) as log:
        assert act["id"] in [logged.event.id for logged in log.events()]


def test_a_workspace_has_one_page_and_a_port_one_server(run_command: Run, workspace: Workspace) -> None:
    run_command(workspace.root, "--va", "--port", "0")
    with pytest.raises(AssertionError, match="a second rating page has to wait"):
        start(workspace.root, "--va", "--port", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"port {port}.*give another --port"):
            start(workspace.root, "--emotion", "--port", str(port))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "give a --token"),
        (["--overlap", "2"], "--overlap 2"),
        (["--suggestions", "nothing.csv"], "cannot read nothing.csv"),
        (["--rater", "anna b"], "cannot name a rater"),
    ],
)
def test_what_cannot_be_served(workspace: Workspace, arguments: list[str], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        start(workspace.root, "--va", "--port", "0", *arguments)


def test_beyond_loopback_the_address_has_the_token(run_command: Run, workspace: Workspace) -> None:
    token = "0123456789abcdef"
    served = run_command(workspace.root, "--va", "--port", "0", "--host", "0.0.0.0", "--token", token)
    parts = urlsplit(served.address)
    assert parts.query == f"token={token}"
    here = f"http://127.0.0.1:{parts.port}/"
    assert ask(here, "GET", "/api/settings")[0] == 401
    assert ask(here, "GET", "/api/settings", cookie=f"fertools-token={token}")[0] == 200


def test_the_page_works_from_another_machine(browser: Browser, run_command: Run, unlabelled: Workspace) -> None:
    """Where the address is neither loopback nor HTTPS, browsers withhold some of what the page might use."""
    arguments = ("--host", "0.0.0.0", "--token", "0123456789abcdef")
    served = run_command(unlabelled.root, "--va", "--port", "0", *arguments)
    parts = urlsplit(served.address)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://rating.test:{parts.port}/?{parts.query}&rater=anna")
    assert page.evaluate("isSecureContext") is False
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("Your code is")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    assert "token" not in page.url
    page.get_by_label("Valence, from").fill("0.5")
    page.get_by_label("Arousal, from").fill("0.25")
    page.get_by_label("Arousal, from").press("Enter")
    expect(page.locator("#progress-text")).to_have_text("1 of 40 faces rated")
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved")
    context.close()
