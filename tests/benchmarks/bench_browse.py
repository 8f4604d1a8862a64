"""How long the browse page takes to filter and to sort many generated faces, on the server and in Chromium.

    .venv/bin/python tests/benchmarks/bench_browse.py [--rows 1000000] [--page]

A request is measured as the page makes it: the count of the faces and of each value, then a block of 120 rows, each as
JSON. *New* is the first time that a condition or an order is asked for, *again* the next time in another combination.
With `--page`, Chromium clicks a box and is done when the page shows the new count and all visible cells their faces.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright
from starlette.testclient import TestClient

# Run as a script, only this folder is on the path; the generator lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.views.browse.browse_service import BrowseService
from fertools.views.browse.browse_site import make_browse_site
from fertools.views.browse.face_index import FaceIndex
from tests.browser import QUIET, find_chromium
from tests.manifests.rows import build, face
from tests.views.made_index import made_table

START = "status=kept"
STEPS = (
    ("an expression", "status=kept&emotion=anger"),
    ("another one, too", "status=kept&emotion=anger&emotion=fear"),
    ("a range", "status=kept&emotion=anger&emotion=fear&min.yaw_deg=-0.5&max.yaw_deg=0.5"),
    ("a person", "status=kept&subject=subject_id-000007"),
    ("an order", "status=kept&order=blur&descending"),
    ("order and range", "status=kept&order=blur&descending&min.yaw_deg=-0.5&max.yaw_deg=0.5"),
)
"""What is asked for first, as a name and a query."""
AGAIN = (
    "emotion=anger&emotion=fear&min.yaw_deg=-0.5&max.yaw_deg=0.5&order=blur&descending",
    "status=kept&emotion=anger&order=blur&descending",
    "emotion=anger&min.yaw_deg=-0.5&max.yaw_deg=0.5",
    "status=kept&subject=subject_id-000007&order=blur&descending",
)
"""The same conditions and orders in new combinations."""
SETTLED = """(old) => document.querySelector('#status').textContent !== old
  && !document.querySelector('#grid').hasAttribute('aria-busy')
  && document.querySelector('.cell:not([hidden])') !== null
  && ![...document.querySelectorAll('.cell:not([hidden])')].some((one) => one.ariaLabel === 'loading')"""


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def report(name: str, work: Callable[[], object]) -> None:
    """Print how long something takes, and its processor time, which other work on the machine changes little."""
    start = time.process_time()
    wall = milliseconds(work)
    print(f"{name:24}{wall:7.0f} ms, processor {1000 * (time.process_time() - start):6.0f} ms", flush=True)


def ask(client: TestClient, query: str) -> None:
    """Ask as the page does after a click."""
    for path in ("find", "rows"):
        client.get(f"/api/{path}?{query}").raise_for_status()


def measure_server(service: BrowseService) -> None:
    """Print how long each request takes."""
    client = TestClient(make_browse_site(service, hosts=frozenset({"a:1"})), headers={"host": "a:1"})
    report("first page (sorts all)", lambda: ask(client, START))
    for name, query in STEPS:
        report(f"new: {name}", partial(ask, client, query))
    for query in AGAIN:
        report("again", partial(ask, client, query))
    report("statistics page", lambda: client.get(f"/stats?{START}"))


def measure_page(service: BrowseService) -> None:
    """Print how long Chromium takes from a click to the faces, and for a jump of the scroll bar."""
    with socket.create_server(("127.0.0.1", 0)) as listener, sync_playwright() as playwright:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        site = make_browse_site(service, hosts=frozenset({host}))
        server = uvicorn.Server(uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        page = chromium.new_context(viewport={"width": 1400, "height": 900}).new_page()
        page.goto(f"http://{host}/")
        page.wait_for_function(SETTLED, arg="")
        clicks = []
        for name in ("anger", "fear", "laboratory", "thermal", "anger", "test"):
            old = page.locator("#status").inner_text()
            box = page.get_by_role("checkbox", name=name, exact=False).first

            def click(box: object = box, old: str = old) -> None:
                box.click()  # type: ignore[attr-defined]
                page.wait_for_function(SETTLED, arg=old)

            clicks.append(milliseconds(click))
        print(f"click to faces, median  {statistics.median(clicks):7.0f} ms, most {max(clicks):.0f} ms")
        page.get_by_role("button", name="Remove all conditions").click()
        page.wait_for_function(SETTLED, arg=old)
        jumps = []
        for share in (0.1, 0.9, 0.3, 0.7, 0.5):

            def jump(share: float = share) -> None:
                page.evaluate(
                    "(share) => { const one = document.querySelector('#grid');"
                    " one.scrollTop = share * one.scrollHeight; }",
                    share,
                )
                page.wait_for_timeout(20)
                page.wait_for_function(SETTLED, arg="")

            jumps.append(milliseconds(jump))
        print(f"jump to faces, median   {statistics.median(jumps):7.0f} ms, most {max(jumps):.0f} ms")
        frames = page.evaluate(
            """() => new Promise((done) => {
              const grid = document.querySelector('#grid'), gaps = [];
              let last = performance.now();
              const step = (now) => {
                gaps.push(now - last);
                last = now;
                grid.scrollTop += 40;
                if (gaps.length < 120) requestAnimationFrame(step);
                else done(gaps.slice(1).sort((a, b) => a - b));
              };
              requestAnimationFrame(step);
            })"""
        )
        slow = frames[int(0.95 * len(frames))]
        print(f"frame while scrolling   {statistics.median(frames):7.0f} ms, 95 % {slow:.0f} ms")
        chromium.close()
        server.should_exit = True
        thread.join()


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--page", action="store_true", help="also measure in Chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = BrowseService(build(Path(folder), [face("a")]))
        table = made_table(given.rows)

        def index() -> None:
            service.index = FaceIndex(table)

        print(f"{given.rows:,} faces")
        report("index from columns", index)
        measure_server(service)
        if given.page:
            measure_page(service)
    print(f"peak memory             {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MB")


if __name__ == "__main__":
    main()
