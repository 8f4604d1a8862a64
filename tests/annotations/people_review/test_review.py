"""The review page: what it serves, what it refuses, and in Chromium what a person does with it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from fertools.annotations.people_review.review_service import ReviewService
from fertools.annotations.people_review.review_site import make_review_site
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.identity.decisions import DecisionLog
from fertools.faces.identity.identify import identify
from tests.browser import check_page
from tests.faces.identity.made_people import GreyEmbedder, MadeTrack, made_workspace, subjects

HOSTS = frozenset({"127.0.0.1:8351"})
HEADERS = {"x-fertools": "page", "host": "127.0.0.1:8351"}
TRACKS = [MadeTrack(f"v{person}{n}", 0, (person,) * 2) for person in (1, 2, 3) for n in (0, 1)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace of three people with two tracks each, every pair of them doubtful."""
    made = made_workspace(tmp_path / "made", TRACKS)
    identify(made, network=GreyEmbedder())
    content = json.loads(made.people.read_text())
    names = [one["subject"] for one in content["people"]]
    content["doubtful_pairs"] = [
        {"first": names[0], "second": name, "similarity": 0.6 - 0.1 * n} for n, name in enumerate(names[1:])
    ]
    content["people"][1]["tracks"][0]["unsure"] = True
    made.people.write_text(json.dumps(content))
    return made


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    return TestClient(make_review_site(ReviewService(workspace), hosts=HOSTS), headers=HEADERS)


@pytest.fixture
def address(workspace: Workspace) -> Iterator[str]:
    """Serve the page in a thread and return its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        site = make_review_site(ReviewService(workspace), hosts=frozenset({host}))
        server = uvicorn.Server(uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://{host}/"
        server.should_exit = True
        thread.join()


def test_a_decision_is_recorded_once_and_replayed(client: TestClient, workspace: Workspace) -> None:
    people = client.get("/api/people").json()["people"]
    # The person with an unsure track comes first.
    assert people[0]["tracks"][0]["unsure"]
    pair = client.get("/api/pairs").json()["pairs"][0]
    first, second = (one["faces"] for one in pair["people"])
    decision = {"id": "decision-1", "kind": "same", "faces": first, "others": second}
    for _ in range(2):
        assert client.post("/api/decide", json=decision).json() == {"id": "decision-1"}
    assert [one.id for one in DecisionLog(workspace.decisions).all()] == ["decision-1"]
    assert identify(workspace, network=GreyEmbedder()).people == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"kind": "same", "faces": ["0" * 32, "1" * 32]}, 400),
        ({"kind": "merge", "faces": []}, 400),
        ([1], 400),
        ({"note": "x" * (1 << 20)}, 413),
    ],
)
def test_what_is_no_decision_about_these_faces_is_refused(client: TestClient, content: object, code: int) -> None:
    answer = client.post("/api/decide", json=content)
    assert answer.status_code == code
    assert answer.json()["error"]


def test_other_sites_and_other_files_are_refused(client: TestClient, workspace: Workspace) -> None:
    assert client.get("/api/people", headers={"host": "elsewhere:8351"}).status_code == 403
    assert client.post("/api/decide", json={}, headers={"origin": "http://elsewhere"}).status_code == 403
    face = client.get("/api/people").json()["people"][0]["tracks"][0]["face"]
    assert client.get(f"/face/{face}").headers["content-type"] == "image/png"
    for name in ("0" * 32, "..%2f..%2ffertools.toml"):
        assert client.get(f"/face/{name}").status_code == 404
    assert client.get("/api/people?start=-1").status_code == 400


def test_without_people_or_with_damaged_ones_it_says_what_to_do(workspace: Workspace) -> None:
    workspace.people.write_text('{"people": 3}')
    with pytest.raises(InputError, match=r"is damaged; run `fertools\.identify"):
        ReviewService(workspace)
    workspace.people.unlink()
    with pytest.raises(InputError, match=r"there are no people .* run `fertools\.identify"):
        ReviewService(workspace)


def _open(browser: Browser, address: str, scheme: str = "light") -> Page:
    page = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(address)
    expect(page.locator(".pair")).to_have_count(2)
    return page


def test_a_person_merges_splits_and_undoes(browser: Browser, address: str, workspace: Workspace) -> None:
    page = _open(browser, address)
    check_page(page)
    first = page.locator(".pair").first
    first.get_by_role("button", name="Two people").click()
    expect(page.locator("#status")).to_contain_text("Saved")
    page.get_by_role("button", name="Undo the last decision").click()
    expect(first.get_by_role("button", name="Two people")).to_be_enabled()
    first.get_by_role("button", name="Same person").click()
    expect(first.locator(".note")).to_contain_text("Decided: same person")
    page.locator("#show-people").click()
    cards = page.locator(".one")
    expect(cards).to_have_count(3)
    split = cards.nth(0).get_by_role("button", name="Split the selected pictures")
    expect(split).to_be_disabled()
    cards.nth(0).locator(".faces button").first.click()
    check_page(page)
    split.click()
    expect(cards.nth(0).locator(".note")).to_contain_text("1 of 2 tracks are somebody else")
    boxes = page.get_by_role("checkbox")
    boxes.nth(1).check()
    expect(page.get_by_role("button", name="Merge the selected people")).to_be_disabled()
    boxes.nth(2).check()
    page.get_by_role("button", name="Merge the selected people").click()
    expect(cards.nth(2).locator(".note")).to_contain_text("Decided")
    kinds = [one.kind for one in DecisionLog(workspace.decisions).current()]
    assert kinds == ["same", "different", "same"]
    found = identify(workspace, network=GreyEmbedder())
    assert found.people == len({*map(frozenset, subjects(workspace).values())}) == 2
    # Opened again, the page knows what was decided, and the newest decision is the first to be undone.
    page.reload()
    expect(first.locator(".note")).to_have_text("Decided: same person")
    page.locator("#show-people").click()
    expect(cards.nth(0).locator(".note")).to_have_text("Decided: 1 of 2 tracks are somebody else")
    expect(cards.nth(2).locator(".note")).to_have_text("Decided: one person with others")
    page.get_by_role("button", name="Undo the last decision").click()
    expect(cards.nth(2).locator(".note")).to_have_text("2 tracks")
    assert [one.kind for one in DecisionLog(workspace.decisions).current()] == ["same", "different"]


def test_the_page_is_readable_in_the_dark(browser: Browser, address: str) -> None:
    check_page(_open(browser, address, "dark"))


def test_the_command_serves_the_page_and_ends_as_interrupted(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "fertools", "identify", "review", "-w", str(workspace.root), "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Review at http://127.0.0.1:")
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "all decisions are in" in err
