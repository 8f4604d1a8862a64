"""A real browser for tests of pages: one for the whole run, since a process can drive no second; and axe-core."""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

# The shell draws no window of its own, which takes an eighth of the processor time.
CHROMIUM = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP rating.test 127.0.0.1",
)
"""A browser that looks for nothing outside this machine, and takes this machine for `rating.test` too."""

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def check_page(page: Page, *, contrast: bool = True) -> None:
    """Assert that axe finds nothing wrong with what a page shows; of a large page, contrast takes most of the time."""
    page.evaluate(AXE)
    rules = {"color-contrast": {"enabled": contrast}}
    found = page.evaluate("rules => axe.run(document, { resultTypes: ['violations'], rules })", rules)["violations"]
    assert not found, json.dumps([{one["id"]: [node["html"] for node in one["nodes"]]} for one in found], indent=1)


def find_chromium() -> str | None:
    """Return the path of a Chromium that is installed; None if there is none."""
    return os.environ.get("FERTOOLS_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium; skip where none is installed."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium is installed (apt-get install chromium-headless-shell, or set FERTOOLS_CHROMIUM)")
    # What is expected comes when it comes; on a busy machine that may be late.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield chromium
        chromium.close()
