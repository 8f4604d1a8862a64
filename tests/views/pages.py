"""Hold a page in Chromium to the rules of axe-core."""

from __future__ import annotations

import importlib.resources
import json

from playwright.sync_api import Page

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def check_page(page: Page) -> None:
    """Assert that axe finds nothing wrong with what a page shows."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert not found, json.dumps([{one["id"]: [node["html"] for node in one["nodes"]]} for one in found], indent=1)
