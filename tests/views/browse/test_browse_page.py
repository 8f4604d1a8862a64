"""The browse page: what it serves, what it refuses, and in Chromium what a person does with it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.views.browse.browse_service import BrowseService
from fertools.views.browse.browse_site import make_browse_site
from fertools.views.browse.face_index import FaceIndex
from fertools.views.conditions import FaceConditions
from fertools.views.stats import stats
from fertools.views.stats_page import render_stats_page
from tests.browser import check_page
from tests.manifests.rows import build, face, identify, source
from tests.views.faces import random_rows
from tests.views.made_index import made_table

HOSTS = frozenset({"127.0.0.1:8352"})
MANY = 300_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace of 300 faces of videos that are gone, and one of a picture that is there."""
    folder = tmp_path_factory.mktemp("browsed") / "made"
    picture = np.random.default_rng(1).integers(0, 255, (80, 120, 3), np.uint8)
    rows = random_rows(300, 1)
    still = face("still", "photo.png", pts_s=None, track_id=None, emotion="fear", dataset="photos")
    rows.append(still)
    sources = [source(name) | {"source_id": name} for name in {row["source_id"] for row in rows[:-1]}]
    sources.append(source("photo.png", kind="image"))
    made = build(folder, rows, sources, crops=True)
    Image.fromarray(picture).save(folder / "photo.png")
    return made


@pytest.fixture(scope="module")
def client(workspace: Workspace) -> TestClient:
    return TestClient(make_browse_site(BrowseService(workspace), hosts=HOSTS), headers={"host": "127.0.0.1:8352"})


def _serve(service: BrowseService) -> Iterator[str]:
    """Serve a page in a thread and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        site = make_browse_site(service, hosts=frozenset({host}))
        server = uvicorn.Server(uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://{host}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    yield from _serve(BrowseService(workspace))


@pytest.fixture(scope="module")
def many(workspace: Workspace) -> Iterator[str]:
    """Serve 300,000 generated faces."""
    service = BrowseService(workspace)
    service.index = FaceIndex(made_table(MANY))
    yield from _serve(service)


def test_rows_are_the_faces_of_the_query_in_its_order(client: TestClient, workspace: Workspace) -> None:
    query = "emotion=anger&emotion=none&status=kept&min.blur=50&order=blur&descending"
    conditions = FaceConditions(emotion=("anger", "none"), ranges={"blur": (50, None)})
    table = store.read_faces(workspace)
    expected = table.filter(conditions.mask(table)).sort_by([("blur", "descending")])
    assert client.get(f"/api/find?{query}").json()["total"] == len(expected) > 10
    rows = client.get(f"/api/rows?{query}").json()
    assert [row["blur"] for row in rows] == expected["blur"].to_pylist()
    assert client.get(f"/api/rows?{query}&start=7").json()[0] == rows[7]


def test_one_face_its_track_its_crop_and_its_frame_are_served(client: TestClient, workspace: Workspace) -> None:
    row = store.read_faces(workspace).to_pylist()[5]
    found = client.get(f"/api/face/{row['face_id']}").json()
    assert found["source"].startswith(row["source_id"])
    assert found["row"] == {name: value for name, value in row.items() if value is not None}
    track = client.get(f"/api/track/{row['face_id']}").json()
    assert track["total"] == len(track["faces"]) > 1
    assert row["face_id"] in [one["face_id"] for one in track["faces"]]
    assert client.get(f"/face/{row['face_id']}").headers["content-type"] == "image/png"
    assert "is missing" in client.get(f"/media/frame/{row['face_id']}").json()["error"]
    assert client.get(f"/media/frame/{identify('still')}?around").content.startswith(b"\xff\xd8")
    assert client.get(f"/api/track/{identify('still')}").json()["total"] == 1


def test_statistics_are_those_of_the_command(client: TestClient, workspace: Workspace) -> None:
    conditions = FaceConditions(dataset=("one",), ranges={"yaw_deg": (-10, None)})
    shown = client.get("/stats?dataset=one&status=kept&min.yaw_deg=-10").text
    title = f"Faces of {workspace.root.name}"
    assert shown == render_stats_page(stats(workspace, conditions), title, stylesheet="/style.css")
    assert client.get("/style.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/api/find?colour=red", 400, "there is no condition 'colour'"),
        ("/api/find?min.blur=much", 400, "not a number"),
        ("/api/find?min.blur=nan", 400, "not finite"),
        ("/api/find?min.box=1", 400, "the column 'box'"),
        ("/api/find?status=good", 400, "choose among kept, rejected"),
        ("/api/find?order=size", 400, "choose among emotion"),
        ("/api/rows?start=-1", 400, "not a whole number"),
        ("/api/face/nobody", 400, "there is no face 'nobody'"),
        ("/api/track/nobody", 400, "there is no face 'nobody'"),
        ("/media/frame/nobody", 400, "there is no face 'nobody'"),
        ("/face/..%2f..%2ffertools.toml", 404, ""),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(client: TestClient, path: str, code: int, words: str) -> None:
    answer = client.get(path)
    assert answer.status_code == code
    assert words in (answer.text if code == 404 else answer.json()["error"])


def test_other_sites_are_refused(client: TestClient) -> None:
    assert client.get("/api/find", headers={"host": "elsewhere:8352"}).status_code == 403
    assert client.get("/api/find", headers={"origin": "http://elsewhere"}).status_code == 403
    assert client.post("/api/find").status_code == 403


def _open(browser: Browser, address: str, scheme: str = "light", width: int = 1200) -> Page:
    context = browser.new_context(
        bypass_csp=True,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 800},
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#status")).to_contain_text("of")
    return page


def test_a_person_filters_sorts_and_looks_at_a_face(browser: Browser, address: str) -> None:
    page = _open(browser, address)
    kept = page.locator("#status").inner_text()
    assert kept.endswith("of 301 faces")
    page.get_by_role("checkbox", name="anger").check()
    expect(page.locator("#status")).not_to_have_text(kept)
    # The box that was clicked keeps the focus, and the counts of its column do not fall to nought.
    expect(page.get_by_role("checkbox", name="anger")).to_be_focused()
    assert page.url.endswith("?status=kept&emotion=anger")
    count = page.locator("label.value", has_text="anger").locator(".count").inner_text()
    expect(page.locator("#status")).to_have_text(f"{count} of 301 faces")
    page.get_by_label("yaw_deg, lowest value").fill("0")
    expect(page.locator("#status")).not_to_have_text(f"{count} of 301 faces")
    page.locator("#order").select_option("yaw_deg")
    expect(page.locator(".cell:not([hidden]) .second").first).to_contain_text("yaw_deg")
    shown = page.locator(".cell:not([hidden]) .second").all_inner_texts()
    values = [float(words.split()[1]) for words in shown]
    assert values == sorted(values)
    assert values[0] >= 0
    page.locator(".cell:not([hidden])").first.click()
    expect(page.locator("#frame-note")).to_contain_text("is missing, so only the crop can be shown")
    expect(page.locator("#strip button")).not_to_have_count(0)
    check_page(page)
    page.get_by_role("button", name="Only this track").click()
    expect(page.locator("#track")).to_be_visible()
    page.get_by_role("button", name="Show all tracks again").click()
    expect(page.locator("#track")).to_be_hidden()
    page.get_by_role("button", name="Remove all conditions").click()
    expect(page.locator("#status")).to_have_text("301 of 301 faces")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Statistics of these faces").click()
    expect(opened.value.locator(".facts")).to_contain_text("301")
    check_page(opened.value)


def test_the_keyboard_opens_faces_and_the_frame_has_its_marks(browser: Browser, address: str) -> None:
    page = _open(browser, f"{address}?dataset=photos", "dark", 700)
    expect(page.locator("#status")).to_have_text("1 of 301 faces")
    expect(page.locator(".cell[aria-label='fear, anna']")).to_be_visible()
    page.locator("#grid").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#frame').naturalWidth > 0")
    assert page.locator("#frame").evaluate("image => image.naturalWidth") == 900
    page.locator("#whole").check()
    page.wait_for_function("document.querySelector('#frame').naturalWidth === 120")
    expect(page.locator("#strip-section")).to_be_hidden()
    check_page(page)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#grid")).to_be_focused()


def _first_seen(page: Page) -> tuple[int, float]:
    """Return the number of the first face that is at least half visible, and its distance from the top in pixels."""
    found = page.evaluate(
        """() => {
          const top = document.querySelector('#grid').getBoundingClientRect().top;
          const cells = [...document.querySelectorAll('.cell:not([hidden])')];
          const seen = cells.map((one) => [Number(one.getAttribute('aria-posinset')), one.getBoundingClientRect()]);
          const [number, box] = seen.filter(([, one]) => one.top - top > -78).sort((a, b) => a[0] - b[0])[0];
          return [number, box.top - top];
        }"""
    )
    return int(found[0]), float(found[1])


def test_more_faces_than_a_browser_can_lay_out_are_scrolled(browser: Browser, many: str) -> None:
    page = _open(browser, f"{many}?modality=visible&modality=thermal", width=560)
    expect(page.locator("#status")).to_have_text("300,000 of 300,000 faces")
    grid = page.locator("#grid")
    # The whole is higher than the element that is scrolled, and few cells are in the document.
    assert grid.evaluate("one => one.scrollHeight") == 8_000_000
    assert page.locator(".cell").count() < 100
    grid.evaluate("one => { one.scrollTop = one.scrollHeight / 2; }")
    page.wait_for_function("document.querySelector('.cell:not([hidden])[aria-label^=\"loading\"]') === null")
    number, before = _first_seen(page)
    assert abs(number - MANY / 2) < 200
    # A short move goes pixel by pixel, though the scroll bar stands for several.
    grid.hover()
    page.mouse.wheel(0, 60)
    page.wait_for_timeout(700)
    moved, after = _first_seen(page)
    across = page.evaluate("Math.floor(document.querySelector('#grid').clientWidth / 118)")
    assert (moved - number) / across * 156 + before - after == pytest.approx(60, abs=2)
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator(f".cell[aria-posinset='{MANY}']:not([hidden])")).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(page.locator(".cell[aria-posinset='1']:not([hidden])")).to_be_in_viewport()
    assert _first_seen(page) == (1, 0)


def test_the_command_serves_the_page_and_ends_as_interrupted(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "fertools", "browse", "-w", str(workspace.root), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Browse at http://127.0.0.1:")
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "it has changed nothing" in err
    assert Path(workspace.manifest).is_file()
