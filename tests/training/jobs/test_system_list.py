"""`list_systems`: every system by its entry, with data, weights and what runs have taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fertools.core.arguments import on_command_line
from fertools.core.errors import InputError, RecipeError
from fertools.core.workspace import Workspace
from fertools.training.jobs.system_list import Measured, describe_memory, describe_time, list_systems
from fertools.training.systems.registry import GROUP, registered_systems
from tests.training.evaluation.trained_runs import train_judge, write_people


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = write_people(tmp_path_factory.mktemp("trained"))
    train_judge(workspace, "seed=3")
    return workspace


def test_outside_of_a_workspace_every_system_says_what_it_needs(tmp_path: Path) -> None:
    systems = list_systems(tmp_path, device="cpu")
    assert [system.name for system in systems] == list(registered_systems())
    for system in systems:
        assert system.title
        assert system.source
        assert system.preset in system.presets
        assert not system.ready
        assert system.measured is None
        assert system.data is not None
        assert len(system.data.domains) > 0
    assert not list(tmp_path.iterdir()), "listing writes nothing"
    assert systems[0] is systems[systems[0].name]
    assert systems[:2] == systems.systems[:2]
    with pytest.raises(InputError, match="no system 'none' in this list; it has stargan"):
        systems["none"]


def test_in_a_workspace_data_and_measured_runs_are_there(trained: Workspace) -> None:
    systems = list_systems(trained, device="cpu")
    found = systems["classifier"]
    assert (found.preset, found.ready, found.gaps) == ("cpu", True, ())
    assert found.data is not None
    assert (found.data.domains[0].labelled, found.data.domains[0].people) == (42, 6)
    record = json.loads((trained.root / "training/classifier/smoke/run.json").read_text())
    assert found.measured is not None
    assert (found.measured.run, found.measured.preset, found.measured.changed) == ("smoke", "smoke", ("seed",))
    assert found.measured.seconds == record["sessions"][0]["seconds"]
    assert found.measured.memory_gb is not None
    assert 0.05 < found.measured.memory_gb < 64
    assert found.measured.device == record["sessions"][0]["device_name"]
    assert systems["stargan"].measured is None
    page = systems._repr_html_()
    assert "<td>ready</td>" in page
    assert f"<td>{describe_memory(found.measured)}</td>" in page


def test_runs_of_the_preset_come_before_newer_ones_of_another(trained: Workspace, tmp_path: Path) -> None:
    record = json.loads((trained.root / "training/classifier/smoke/run.json").read_text())
    for run, preset, began, finished in (
        ("old", "cpu", "2020", True),
        ("new", "paper", "2030", True),
        ("half", "cpu", "2040", False),
    ):
        folder = tmp_path / "training/classifier" / run
        folder.mkdir(parents=True)
        session = {"began": began, "seconds": 90.0, "device_name": "x", "memory_gb": 1.25}
        entry = record | {"run": run, "preset": preset, "finished": finished, "sessions": [session, session]}
        (folder / "run.json").write_text(json.dumps(entry))
    (tmp_path / "training/classifier/damaged").mkdir()
    (tmp_path / "training/classifier/damaged/run.json").write_text("{")
    by_preset = {name: list_systems(tmp_path, preset=name)["classifier"].measured for name in ("cpu", "recommended")}
    assert by_preset["cpu"] == Measured("old", "cpu", ("seed",), 180.0, 1.25, "x")
    assert by_preset["recommended"] is not None
    assert by_preset["recommended"].run == "new"
    assert (describe_time(by_preset["cpu"]), describe_memory(by_preset["cpu"])) == ("3 min 00 s", "1.2 GB")


def test_weights_are_found_or_named_with_the_way_to_them(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", "/nowhere")
    overrides = ["emotion_net=classifier/smoke", "judge=classifier/other", "val_share=0.1", "face_weights=a.pth"]
    (system,) = list_systems(trained, system="et-cyclegan", preset="cpu", overrides=overrides, device="cpu")
    face, emotion, judge = system.weights
    assert emotion.path == trained.root / "training/classifier/smoke/models/network.safetensors"
    assert (face.path, face.remedy) == (None, f"put the file at {trained.root / 'a.pth'}")
    assert judge.path is None
    assert on_command_line(judge.remedy, str) == "`fertools train classifier --run other`"
    assert {gap.missing for gap in system.gaps} >= {"no weights a.pth", "no weights classifier/other"}
    (there,) = list_systems(trained, system="et-cyclegan", overrides=["judge=classifier/smoke", "val_share=0.1"])
    assert there.weights[-1].path is not None
    (published,) = list_systems(trained, system="classifier", overrides=["pretrained=resnet18-imagenet"])
    assert published.weights[0].remedy.startswith("download https://")
    assert "licence: " in published.weights[0].remedy


def test_a_system_of_another_package_is_listed_with_or_without_a_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site/others-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{GROUP}]\ntheirs = fertools.training.systems.svm:ENTRY\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    bare = list_systems(tmp_path)["theirs"]
    assert (bare.preset, bare.data, bare.gaps[0].missing) == ("", None, "no recipe")
    shipped = Path("training/svm.toml").read_text().replace("presets.recommended", "presets.theirs")
    (tmp_path / "training").mkdir()
    (tmp_path / "training/theirs.toml").write_text(shipped)
    found = list_systems(tmp_path)["theirs"]
    assert (found.preset, found.title) == ("theirs", "Support vector machine")
    assert found.gaps[0].missing == "no visible faces"


def test_unknown_names_are_refused_as_in_training(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'stargan'"):
        list_systems(tmp_path, system="stargun")
    with pytest.raises(RecipeError, match="there is no preset 'papper'"):
        list_systems(tmp_path, preset="papper")
    with pytest.raises(RecipeError, match="there is no preset 'paper-128'"):
        list_systems(tmp_path, system="svm", preset="paper-128")
    with pytest.raises(InputError, match="name the system, too"):
        list_systems(tmp_path, overrides=["lr=1"])
    assert list_systems(tmp_path, preset="paper-128", device="cpu")["svm"].preset == "recommended"


def test_listing_imports_no_torch(trained: Workspace) -> None:
    program = (
        "import sys, fertools\n"
        f"fertools.list_systems({str(trained.root)!r}, device='cpu')\n"
        "sys.exit(str(found) if (found := {'torch', 'cv2', 'scipy'} & set(sys.modules)) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
