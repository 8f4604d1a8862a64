"""A served rating page, in this process or as the command, and a browser to open it with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.testclient import TestClient

from fertools.annotations.app.desk import Desk, Settings
from fertools.annotations.app.site import make_site
from fertools.annotations.queue import Plan
from fertools.core.workspace import Workspace
from tests.annotations.acts import rating_workspace

PAGE_HEADERS = {"x-fertools": "page", "host": "127.0.0.1:8350"}
HOSTS = frozenset({"127.0.0.1:8350"})
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser that looks for nothing outside this machine."""


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rating_workspace(tmp_path_factory.mktemp("rating")).root


@pytest.fixture
def workspace(_template: Path, tmp_path: Path) -> Workspace:
    """Return a workspace of 40 faces and one clip, made once and copied."""
    shutil.copytree(_template, tmp_path, dirs_exist_ok=True)
    return Workspace.at(tmp_path)


@pytest.fixture
def open_page() -> Iterator[Callable[..., TestClient]]:
    """Return a function that serves a workspace in this process."""
    clients: list[TestClient] = []

    def open_(workspace: Workspace, *, token: str | None = None, **settings: Any) -> TestClient:
        plan = settings.pop("plan", Plan(calibration=0))
        desk = Desk(workspace, Settings(plan=plan, **settings))
        site = make_site(desk, hosts=None if token else HOSTS, token=token)
        client = TestClient(site, base_url="http://127.0.0.1:8350", headers=PAGE_HEADERS)
        client.__enter__()
        clients.append(client)
        return client

    yield open_
    for client in clients:
        client.__exit__(None, None, None)


@dataclass
class Served:
    """The command, serving.

    Attributes:
        process: it.
        address: what it printed.
    """

    process: subprocess.Popen[str]
    address: str


def start(root: Path, *arguments: str) -> Served:
    """Run `fertools annotate ARGUMENTS` in `root` and return once it has printed its address."""
    program = "import sys; from fertools.cli.main import main; sys.argv[0] = 'fertools'; main()"
    command = [sys.executable, "-c", program, "annotate", "--no-browser", *arguments]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("Rate at "):
        _, error = process.communicate()
        raise AssertionError(line + error)
    return Served(process, line.removeprefix("Rate at ").strip())


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Return `start`, and end what it started."""
    served: list[Served] = []

    def serve_(root: Path, *arguments: str) -> Served:
        served.append(start(root, *arguments))
        return served[-1]

    yield serve_
    for one in served:
        one.process.kill()
        one.process.communicate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium; skip where none is installed."""
    path = os.environ.get("FERTOOLS_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("no Chromium is installed (apt-get install chromium, or name one in FERTOOLS_CHROMIUM)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield chromium
        chromium.close()
