"""The README's one command, on fewer people: each step is printed and done, and a second run repeats nothing."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from fertools.cli.demo_systems import SYSTEMS
from tests.cli.conftest import Run


def test_the_whole_way_and_the_second_time(fertools: Run, tmp_path: Path) -> None:
    ended = fertools("demo", "there", "--people", "2", "--preset", "smoke")
    assert ended.code == 0, ended.err
    for step in ("sample drawn --people 2", "ingest drawn/videos", "annotate --va --prior", "split --folds 2"):
        assert f"$ fertools {step}" in ended.out
    there = tmp_path / "there"
    page = there / "index.html"
    assert str(page) in ended.out
    addresses = {unquote(address) for address in re.findall(r'href="([^"]+)"', page.read_text(encoding="utf-8"))}
    assert all((there / address).is_file() for address in addresses)
    assert {"faces.png", "portrait/faces.png"} < addresses
    for system in SYSTEMS:
        run = f"{system.workspace}/training/{system.name}/smoke/".lstrip("/")
        assert f"{run}report.html" in addresses
        assert any(address.startswith(run) and address.endswith(".png") for address in addresses)
    assert Path.cwd() == tmp_path
    manifest = there / "manifests" / "faces.parquet"
    before = manifest.read_bytes()
    again = fertools("demo", "there", "--people", "2", "--preset", "smoke")
    assert again.code == 0, again.err
    assert again.err.count("finished") >= len(SYSTEMS)
    assert manifest.read_bytes() == before


def test_another_demo_is_not_mixed_in(fertools: Run, tmp_path: Path) -> None:
    (tmp_path / "there" / "drawn").mkdir(parents=True)
    (tmp_path / "there" / "drawn" / "sample.json").write_text('{"people": 3}')
    ended = fertools("demo", "there", "--people", "2")
    assert ended.code == 5
    assert "drawn with people 3, not 2" in ended.err
