"""`fertools audit` from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from tests.cli.conftest import Run, fertools
from tests.splits.audit.test_near_duplicates import picture

__all__ = ["fertools"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write six people in two parts; one face is in both, mirrored."""
    path = tmp_path / "faces.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "who", "part"])
        for number in range(6):
            pixels = picture(0)[:, ::-1] if number == 5 else picture(number)
            cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
            writer.writerow([f"{number}.png", f"p{number}", "train" if number < 4 else "test"])
    return path


def test_a_leak_exits_with_4_and_moves_end_it(fertools: Run, table: Path, tmp_path: Path) -> None:
    options = ("--split-column", "part", "--columns", "path=file,subject=who")
    found = fertools("audit", str(table), *options, "--fix", "--json", "--page", str(tmp_path / "audit.html"))
    assert found.code == 4
    result = json.loads(found.out)
    leaks = [finding for finding in result["findings"] if finding["severity"] == "leak"]
    assert [finding["kind"] for finding in leaks] == ["near-duplicate-across"]
    assert leaks[0]["rows"] == [["0.png", "5.png"]]
    assert len(result["fix"]["moves"]) == 1
    page = (tmp_path / "audit.html").read_text()
    assert page.count('alt="0.png"') == page.count('alt="5.png"') == 2
    before = table.read_bytes()
    mended = tmp_path / "mended.csv"
    assert fertools("audit", str(table), *options, "--fix", "--apply", "--output", str(mended)).code == 0
    assert table.read_bytes() == before
    assert fertools("audit", str(mended), *options).code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--apply",), "--apply needs --fix"),
        (("--columns", "path"), "--columns has 'path'"),
        ((), "--split-column is missing"),
        (
            ("--engine", "ray", "--no-pixels"),
            "--engine ray spreads the reading of pictures",
        ),
    ],
)
def test_a_wrong_option_is_named(fertools: Run, table: Path, options: tuple[str, ...], words: str) -> None:
    done = fertools("audit", str(table), *options)
    assert done.code == 2
    assert words in done.err
