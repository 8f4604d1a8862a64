"""A real browser for tests of pages: one for the whole run, as a process can drive no second."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

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
