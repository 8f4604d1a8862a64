"""A served rating page, in this process or as the command, and a browser to open it with."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext
from starlette.testclient import TestClient

from fertools.annotations.app.service import RatingService, Settings
from fertools.annotations.app.site import LOG_HEADER, make_site
from fertools.annotations.queue_plan import Plan
from fertools.core.workspace import Workspace
from tests.annotations.rating_events import rating_workspace

PAGE_HEADERS = {"x-fertools": "page", "host": "127.0.0.1:8350"}
HOSTS = frozenset({"127.0.0.1:8350"})


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rating_workspace(tmp_path_factory.mktemp("rating")).root


@pytest.fixture
def workspace(_template: Path, tmp_path: Path) -> Workspace:
    """Return a workspace of 40 faces and one clip, made once and copied."""
    shutil.copytree(_template, tmp_path, dirs_exist_ok=True)
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def _unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rating_workspace(tmp_path_factory.mktemp("rating"), labelled=False).root


@pytest.fixture
def unlabelled(_unlabelled: Path, tmp_path: Path) -> Workspace:
    """Return the same of faces without an expression, for which no value is far from the usual."""
    shutil.copytree(_unlabelled, tmp_path, dirs_exist_ok=True)
    return Workspace(tmp_path)


@pytest.fixture
def open_page() -> Iterator[Callable[..., TestClient]]:
    """Return a function that serves a workspace in this process."""
    clients: list[TestClient] = []

    def open_(workspace: Workspace, *, token: str | None = None, **settings: Any) -> TestClient:
        plan = settings.pop("plan", Plan(calibration=0))
        service = RatingService(workspace, Settings(plan=plan, **settings))
        site = make_site(service, hosts=None if token else HOSTS, token=token)
        headers = PAGE_HEADERS | {LOG_HEADER: service.log.identity}
        client = TestClient(site, base_url="http://127.0.0.1:8350", headers=headers)
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
def run_command() -> Iterator[Callable[..., Served]]:
    """Return `start`, and end what it started."""
    served: list[Served] = []

    def run(root: Path, *arguments: str) -> Served:
        served.append(start(root, *arguments))
        return served[-1]

    yield run
    for one in served:
        one.process.kill()
        one.process.communicate()


@contextlib.contextmanager
def serving(workspace: Workspace, *, port: int = 0, token: str | None = None, **settings: Any) -> Iterator[str]:
    """Serve a workspace from a thread, over HTTP; give the address."""
    listener = socket.create_server(("127.0.0.1", port))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    service = RatingService(workspace, Settings(**{"tasks": ("va",), "plan": Plan(calibration=0), **settings}))
    site = make_site(service, hosts=frozenset({host}), token=token)
    server = uvicorn.Server(uvicorn.Config(site, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://{host}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Return a function that serves a workspace until the test ends, and returns the address."""
    with contextlib.ExitStack() as stack:
        yield lambda workspace, **settings: stack.enter_context(serving(workspace, **settings))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser of one person, with a store of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(30_000)
    yield context
    context.close()
