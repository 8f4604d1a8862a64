"""What commands print when all is well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fertools.cli.main import COMMANDS
from tests.cli.conftest import Run, make_workspace
from tests.transfer.stores import make_dataset


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(fertools: Run, command: str) -> None:
    ended = fertools(*([command] if command else []), "--help")
    assert ended.code == 0
    assert "Usage: fertools" in ended.out


def test_the_help_of_a_command_begins_as_the_list_says(fertools: Run) -> None:
    listed = fertools("--help").out
    for command, summary in COMMANDS.items():
        assert command in listed
        assert summary.endswith(".")


def test_prior_split_show_validate(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    assert "filled" in fertools("annotate", "--va", "--prior").out
    assert fertools("split", "--folds", "4").code == 0
    shown = fertools("show")
    assert "happiness" in shown.out
    rows = json.loads(fertools("show", "--json").out)
    assert [row["faces"] for row in rows] == [8] * 7
    assert rows[0]["valence"] == pytest.approx(-0.57)
    assert fertools("validate").code == 0


def test_a_second_split_changes_nothing_and_another_is_refused(fertools: Run, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    assert fertools("split", "--folds", "4").code == 0
    before = workspace.manifest.read_bytes()
    assert "nothing to change" in fertools("split", "--folds", "4").out
    assert fertools("split", "--folds", "2").code == 5
    assert workspace.manifest.read_bytes() == before
    assert fertools("split", "--folds", "2", "--overwrite").code == 0


def test_a_contact_sheet_is_a_picture(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    assert fertools("show", "--sheet", "sheet.png", "--faces", "14").code == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000
    assert fertools("show", "--sheet", "sheet.png", "--rejected").code == 2


def test_doctor_finds_what_is_needed(fertools: Run) -> None:
    ended = fertools("doctor", "--json")
    found = json.loads(ended.out)
    assert ended.code == 0, ended.err
    assert "digest" in found["MTCNN weights"]
    assert "compiled for" in found["MTCNN networks"]
    assert found["torch"]


@pytest.mark.parametrize(("options", "told"), [((), True), (("--crops",), False), (("--mode", "exact"), False)])
def test_ingest_says_if_it_is_slow_here(
    fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], told: bool
) -> None:
    monkeypatch.setattr("fertools.core.native.library.library", lambda: None)
    monkeypatch.setattr("fertools.faces.detection.mtcnn.cascade.library", lambda: None)
    monkeypatch.setattr("fertools.ingestion.ingest.choose_device", lambda _: "cpu")
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    ended = fertools("ingest", str(tmp_path / "a.png"), *options)
    assert ended.code == 0, ended.err
    assert ("the detector is not compiled for this processor" in ended.err) == told
    assert "not compiled" in fertools("doctor", "--json").out


def test_shares_are_ingested_and_merged(fertools: Run, tmp_path: Path) -> None:
    for shade in range(4):
        path = tmp_path / "pictures" / f"{shade}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), (40 * shade, 0, 0)).save(path)
    given = []
    for share in ("1/2", "2/2"):
        ended = fertools("ingest", "pictures", "--workers", "1", "--shard", share, "--json")
        assert ended.code == 0, ended.err
        result = json.loads(ended.out)
        assert result["manifest"].endswith(f"shards/{share.replace('/', '-of-')}/manifests/faces.parquet")
        given.append(result["files given"])
    assert sum(given) == 4
    ended = fertools("merge", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["sources"] == {"empty": 4}
    (tmp_path / "pictures" / "bad.png").write_bytes(b"no picture")
    assert fertools("merge").code == 0
    for share in ("1/2", "2/2"):
        assert fertools("ingest", "pictures", "--workers", "1", "--shard", share).code in (0, 3)
    assert fertools("merge").code == 3


def test_a_dataset_goes_to_a_store_and_back(fertools: Run, tmp_path: Path) -> None:
    make_dataset(tmp_path / "mine")
    url = f"file://{tmp_path}/store"
    sent = json.loads(fertools("push", url, "-w", "mine", "--json").out)
    assert sent["sent"] + sent["there already"] == sent["objects"] == 18
    again = fertools("push", url, "-w", "mine").out
    assert dict(line.split(maxsplit=1) for line in again.splitlines())["sent"] == "0"
    tables = json.loads(fertools("pull", url, "-w", "theirs", "--json").out)
    counted = ("brought", "here already", "tables rebuilt", "crops left there", "in no part")
    assert sum(tables[name] for name in counted) == tables["objects in the store"] == 18
    assert tables["crops left there"] == 7
    ended = fertools("pull", url, "-w", "theirs", "--crops")
    assert ended.code == 0, ended.err
    assert fertools("validate", "-w", "theirs").code == 0


def test_ingest_says_what_to_do_when_faces_are_cut_off(
    fertools: Run, portrait: NDArray[np.uint8], tmp_path: Path
) -> None:
    Image.fromarray(portrait[70:195, 170:280]).save(tmp_path / "crop.png")
    ended = fertools("ingest", "crop.png", "--workers", "1")
    assert "1 cut_off" in ended.out
    assert "1 of 1 faces are cut off" in ended.err
    assert "fertools filter --quality keep-all" in ended.err
    assert fertools("filter", "--quality", "keep-all").code == 0

    Image.fromarray(portrait).save(tmp_path / "whole.png")
    assert "cut off" not in fertools("ingest", "whole.png", "--workers", "1", "--overwrite").err
