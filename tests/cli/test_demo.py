"""The README's one command, on fewer people: every step is printed and done, and a second run does nothing anew."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_the_whole_way_and_the_second_time(fertools: Run, tmp_path: Path) -> None:
    ended = fertools("demo", "there", "--people", "2", "--preset", "smoke")
    assert ended.code == 0, ended.err
    for step in ("sample drawn --people 2", "ingest drawn/videos", "annotate --va --prior", "split --folds 2"):
        assert f"$ fertools {step}" in ended.out
    for path in ("faces.png", "portrait/faces.png", "training/stargan/smoke/report.html"):
        assert (tmp_path / "there" / path).is_file()
        assert path in ended.out
    assert Path.cwd() == tmp_path
    manifest = tmp_path / "there" / "manifests" / "faces.parquet"
    before = manifest.read_bytes()
    again = fertools("demo", "there", "--people", "2", "--preset", "smoke")
    assert again.code == 0, again.err
    assert "finished" in again.err
    assert manifest.read_bytes() == before


def test_another_demo_is_not_mixed_in(fertools: Run, tmp_path: Path) -> None:
    (tmp_path / "there" / "drawn").mkdir(parents=True)
    (tmp_path / "there" / "drawn" / "sample.json").write_text('{"people": 3}')
    ended = fertools("demo", "there", "--people", "2")
    assert ended.code == 5
    assert "drawn with people 3, not 2" in ended.err
