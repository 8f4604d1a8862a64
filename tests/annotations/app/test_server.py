"""The command that serves the page: how it starts, how it ends, and that killing it loses nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from tests.annotations.acts import face_id, raw
from tests.annotations.app.conftest import Served, start

Run = Callable[..., Served]
HEADERS = {"content-type": "application/json", "x-fertools": "page"}


def _ask(address: str, method: str, path: str, content: object = None, **headers: str) -> tuple[int, str]:
    """Return status and text of one request over a connection of its own."""
    parts = urlsplit(address)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request(method, path, None if content is None else json.dumps(content), HEADERS | headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()


def _post(address: str, path: str, content: object) -> dict[str, Any]:
    status, text = _ask(address, "POST", path, content)
    assert status == 200, text
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_cleanly_with_all_saved(run_command: Run, workspace: Workspace, number: int, code: int) -> None:
    served = run_command(workspace.root, "--va", "--port", "0")
    _post(served.address, "/api/join", {"rater": "anna"})
    act = raw("rate", faces=[face_id(0)], valence=0.5, arousal=0.5)
    _post(served.address, "/api/events", {"rater": "anna", "events": [act]})
    served.process.send_signal(number)
    _, error = served.process.communicate(timeout=60)
    assert served.process.returncode == code
    assert error.startswith("fertools: the rating page is closed")
    assert "Traceback" not in error
    with RatingLog(workspace.ratings_log) as log:
        assert act["id"] in [logged.event.id for logged in log.events()]


def test_a_workspace_has_one_page_and_a_port_one_server(run_command: Run, workspace: Workspace, tmp_path: Path) -> None:
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
        (["--premarks", "nothing.csv"], "cannot read nothing.csv"),
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
    assert _ask(here, "GET", "/api/settings")[0] == 401
    assert _ask(here, "GET", "/api/settings", cookie=f"fertools-token={token}")[0] == 200


def test_the_page_works_from_another_machine(browser: Browser, run_command: Run, unlabelled: Workspace) -> None:
    """Where the address is neither loopback nor HTTPS, browsers withhold some of what the page might use."""
    arguments = ("--host", "0.0.0.0", "--token", "0123456789abcdef", "--calibration", "0")
    served = run_command(unlabelled.root, "--va", "--port", "0", *arguments)
    parts = urlsplit(served.address)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://rating.test:{parts.port}/?{parts.query}&rater=anna")
    assert page.evaluate("isSecureContext") is False
    expect(page.get_by_text("Face 1 of 40")).to_be_visible()
    assert "token" not in page.url
    page.get_by_label("Valence, from").fill("0.5")
    page.get_by_label("Arousal, from").fill("0.25")
    page.get_by_label("Arousal, from").press("Enter")
    expect(page.locator("#progress-text")).to_have_text("1 of 40 faces answered")
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved")
    context.close()


class _Rater(threading.Thread):
    """Sends acts one after the other, and each again until it is acknowledged, as the page does."""

    def __init__(self, name: str, address: Callable[[], str], stop: threading.Event) -> None:
        super().__init__(name=name)
        self._address, self._stop_asked = address, stop
        self.sent: list[str] = []
        self.acknowledged: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._stop_asked.is_set():
            acts = [raw("rate", faces=[face_id(number % 40)], valence=0.5, arousal=0.0) for _ in range(3)]
            for act in acts:
                act["id"] = f"{self.name}-{number:08d}"
                number += 1
            self.sent += [act["id"] for act in acts]
            self._deliver(acts)

    def _deliver(self, acts: list[dict[str, Any]]) -> None:
        while True:
            try:
                address = self._address()
                _post(address, "/api/join", {"rater": self.name})
                answer = _post(address, "/api/events", {"rater": self.name, "events": acts})
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.01)  # the server is dead, and another comes
                continue
            self.acknowledged += answer["saved"]
            return


def _kill_under_load(root: Path, kills: int, seed: int) -> None:
    """Kill the server `kills` times while four raters write, at moments drawn by the seed; look into the log."""
    rng = random.Random(seed)
    address = ""
    stop = threading.Event()
    raters = [_Rater(f"rater{number}", lambda: address, stop) for number in range(4)]
    try:
        for number in range(kills):
            served = start(root, "--va", "--port", "0")
            before = sum(len(rater.acknowledged) for rater in raters)
            address = served.address
            if number == 0:
                for rater in raters:
                    rater.start()
            wanted = before + rng.randint(1, 60)
            while sum(len(rater.acknowledged) for rater in raters) < wanted:
                time.sleep(0.0005)
            served.process.kill()
            served.process.communicate()
        served = start(root, "--va", "--port", "0")
        address = served.address
    finally:
        stop.set()
        for rater in raters:
            if rater.ident is not None:
                rater.join()
        served.process.kill()
        served.process.communicate()
    with RatingLog(root / "annotations" / "ratings.sqlite") as log:
        (verdict,) = log.connection.execute("PRAGMA integrity_check").fetchone()
        assert verdict == "ok"
        for rater in raters:
            kept = [logged.event.id for logged in log.events(rater=rater.name, kinds=("rate",))]
            assert set(rater.acknowledged) <= set(kept), "an acknowledged event is missing"
            assert len(kept) == len(set(kept)), "an event is there twice"
            assert set(kept) == set(rater.sent), "all were sent until they were acknowledged"


def test_killed_under_load_nothing_acknowledged_is_missing_or_doubled(workspace: Workspace) -> None:
    _kill_under_load(workspace.root, kills=3, seed=0)


@pytest.mark.slow
def test_killed_fifty_times_under_load(workspace: Workspace) -> None:
    _kill_under_load(workspace.root, kills=50, seed=1)


def _kill_server_and_tab(browser: Browser, root: Path, clicks: int, seed: int) -> None:
    """Rate in a browser while server and tab are killed now and then; look into the log."""
    rng = random.Random(seed)
    served = start(root, "--va", "--port", "0", "--calibration", "0")
    port = str(urlsplit(served.address).port)
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    done = 0
    try:
        page.goto(f"{served.address}?rater=anna")
        page.get_by_label("Go on by itself").uncheck()
        while done < clicks:
            expect(page.locator(".thumb[aria-current]")).to_be_visible()
            for _ in range(rng.randint(1, 3)):
                page.locator(".thumb").nth(done % 16).click()
                page.get_by_label("Valence, from").fill(f"{(done % 100) / 100}")
                page.get_by_label("Arousal, from").fill("0.25")
                page.get_by_label("Arousal, from").press("Enter")
                done += 1
            if rng.random() < 0.6:
                served.process.kill()
                served.process.communicate()
                page.locator(".thumb").nth(done % 16).click()
                page.get_by_label("Valence, from").fill(f"{(done % 100) / 100}")
                page.get_by_label("Arousal, from").fill("0.25")
                page.get_by_label("Arousal, from").press("Enter")
                done += 1
                expect(page.locator("#saved")).to_have_attribute("data-state", "waiting")
                served = start(root, "--va", "--port", port, "--calibration", "0")
            if rng.random() < 0.6:
                page.close(run_before_unload=False)
                page = context.new_page()
                page.goto(f"{served.address}?rater=anna")
        expect(page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=30_000)
    finally:
        context.close()
        served.process.kill()
        served.process.communicate()
    with RatingLog(root / "annotations" / "ratings.sqlite") as log:
        kept = [logged.event.body["valence"] for logged in log.events(kinds=("rate",))]
    assert sorted(kept) == sorted((number % 100) / 100 for number in range(done))


def test_server_and_tab_are_killed_and_every_click_is_there_once(browser: Browser, unlabelled: Workspace) -> None:
    _kill_server_and_tab(browser, unlabelled.root, clicks=8, seed=3)


@pytest.mark.slow
def test_server_and_tab_are_killed_many_times(browser: Browser, unlabelled: Workspace) -> None:
    _kill_server_and_tab(browser, unlabelled.root, clicks=100, seed=4)
