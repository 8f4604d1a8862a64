"""`fertools train`: what it prints where, and what it answers without training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fertools.core.vocabulary import EMOTIONS
from tests.cli.conftest import Run, make_workspace

TINY = ("--preset", "smoke", "--set", "image_size=16", "--set", "discriminator_layers=2", "--device", "cpu")


def one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and text.startswith("fertools: ")


def test_a_run_from_the_command_line(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path, fold=None)
    assert fertools("split", "--folds", "4").code == 0
    ended = fertools("train", "stargan", *TINY, "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert result["run"] == "stargan/smoke"
    assert result["of these now"] == result["iterations"] == 6
    assert Path(result["report"]).is_file()
    assert ended.err.startswith("preset smoke on the CPU: 6 iterations of 4 faces at 16 x 16")

    again = fertools("train", "stargan", *TINY)
    assert again.code == 0
    assert "report             " in again.out
    assert "is finished" in again.err
    assert fertools("train", "stargan", *TINY, "--run", "two", "--seed", "1").code == 0
    recorded = json.loads((tmp_path / "training/stargan/two/run.json").read_text())["recipe"]["seed"]
    assert (recorded["value"], recorded["origin"]) == (1, "set")

    refused = fertools("train", "stargan", *TINY, "--seed", "1")
    assert refused.code == 5
    assert one_sentence(refused.err)
    assert "begun with seed = 0, now it is 1" in refused.err
    anew = fertools("train", "stargan", *TINY, "--seed", "1", "--no-resume", "--json")
    assert json.loads(anew.out)["of these now"] == 6


def test_the_manifest_stays_valid_and_unchanged(fertools: Run, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    fertools("split", "--folds", "4")
    before = workspace.manifest.read_bytes()
    assert fertools("train", "stargan", *TINY).code == 0
    assert workspace.manifest.read_bytes() == before
    assert fertools("validate").code == 0


def test_list_shows_every_system_within_the_width_of_the_terminal(
    fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in ("80", "120"):
        monkeypatch.setenv("COLUMNS", width)
        ended = fertools("train", "--list", "--device", "cpu")
        assert ended.code == 0
        for words in (
            "stargan  StarGAN  (not ready)",
            "Banerjee",
            "  preset   cpu; others: paper, paper-128, recommended, smoke",
            "  data     faces: visible faces with an expression: none here",
            "  measured -",
            "no visible faces: `fertools ingest SOURCE --modality visible`",
        ):
            assert words in ended.out
        # A path or an address is whole on a line of its own.
        assert all(len(line) <= int(width) or len(line.split()) == 1 for line in ended.out.splitlines())
    one = fertools("train", "stargan", "--list", "--preset", "paper")
    assert "  preset   paper        the paper, as literally as possible" in one.out
    assert "cyclegan" not in one.out
    (tmp_path / "training").mkdir()
    (tmp_path / "training/stargan.toml").write_text("[presets.mine]\nabout = 'ours alone'\nlr = 1e-3\n")
    listed = json.loads(fertools("train", "--list", "--json").out)
    assert listed["stargan"]["presets"]["mine"] == "ours alone"
    assert list(listed["stargan"]["presets"])[:2] == ["paper", "paper-128"]
    assert not listed["stargan"]["ready"]
    assert listed["stargan"]["to_do"] == ["no visible faces: `fertools ingest SOURCE --modality visible`"]


def test_list_counts_what_is_here(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    ended = fertools("train", "stargan", "--list")
    assert "faces: visible faces with an expression: 56 of 4 people, not ready" in ended.out
    assert "not split: `fertools split --folds 10`" in ended.out
    fertools("split", "--folds", "4")
    ended = fertools("train", "stargan", "--list")
    assert "56 of 4 people, ready" in ended.out
    assert "not ready" not in ended.out


def test_explain_gives_every_key_with_value_origin_and_note(fertools: Run, tmp_path: Path) -> None:
    ended = fertools("train", "stargan", "--preset", "paper", "--set", "lr=2e-4", "--explain", "--device", "cpu")
    assert ended.code == 0
    lines = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines() if line.strip()}
    assert lines["batch_size"][:3] == ["16", "P", "faces"]
    assert lines["lr"][:2] == ["0.0002", "set"]
    assert lines["flip"][:2] == ["true", "R"]
    assert "the paper states it" in ended.out
    recipe = json.loads(fertools("train", "stargan", "--preset", "paper", "--explain", "--json").out)["recipe"]
    assert set(recipe) <= set(lines)
    assert all(set(entry) == {"value", "origin", "note"} for entry in recipe.values())
    assert not (tmp_path / "training").exists(), "explaining begins nothing"


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_the_small_preset_is_taken_and_said(fertools: Run, tmp_path: Path) -> None:
    assert json.loads(fertools("train", "stargan", "--explain", "--json").out)["preset"] == "cpu"
    make_workspace(tmp_path)
    fertools("split", "--folds", "4")
    small = ("image_size=32", "conv_dim=2", "iterations=2", "translate_faces=1")
    ended = fertools("train", "stargan", *(part for key in small for part in ("--set", key)))
    assert ended.code == 0, ended.err
    assert "preset cpu on the CPU (no GPU found)" in ended.err
    assert (tmp_path / "training/stargan/cpu/report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say what to train: stargan"),
        (["stargun"], "did you mean 'stargan'"),
        (["stargan", "--preset", "papper"], "did you mean 'paper'"),
        (["stargan", "--set", "lrr=1"], "did you mean 'lr'"),
        (["stargan", "--set", "lr"], "has no '='"),
        (["stargan", "--seed", "-1"], "seed in --set is -1"),
        (["stargan", "--seed", "one"], "not a valid integer"),
        (["stargan", "--device", "tpu"], "tpu is not a device"),
        (["stargan", "--device", "cuda:99"], "not on this machine"),
        (["stargan", "--run", "../x"], "the run name '../x' cannot be used"),
        (["stargan"], "no manifest"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence_and_exit_2(fertools: Run, arguments: list[str], words: str) -> None:
    ended = fertools("train", *arguments)
    assert ended.code == 2
    assert one_sentence(ended.err), ended.err
    assert words in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("arguments", [["--help"], ["--list"], [], ["stargun"], ["stargan", "--set", "lrr=1"]])
def test_answers_that_need_no_torch_do_not_import_it(arguments: list[str]) -> None:
    # --list counts the faces of the manifest, by pyarrow and numpy.
    slow = {"torch", "cv2", "pandas"} | (set() if arguments == ["--list"] else {"pyarrow", "numpy"})
    program = (
        f"import sys\nsys.argv = ['fertools', 'train', *{arguments!r}]\nfrom fertools.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"sys.exit(str({slow!r} & set(sys.modules) or '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_person_on_both_sides_is_exit_4(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path, subject_id="s1", fold=None)
    from fertools.core.workspace import Workspace
    from fertools.manifests import store
    from fertools.manifests.schema import FACES

    workspace = Workspace(tmp_path)
    table = store.read_faces(workspace)
    table = store.replace_columns(table, {"fold": [number % 2 for number in range(len(table))]})
    store.write_table(workspace.manifest, FACES, table)
    ended = fertools("train", "stargan", *TINY)
    assert ended.code == 4
    assert one_sentence(ended.err)
    assert "subject s1 is in" in ended.err


def test_the_report_names_all_expressions(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    fertools("split", "--folds", "4")
    fertools("train", "stargan", *TINY)
    page = (tmp_path / "training/stargan/smoke/report.html").read_text(encoding="utf-8")
    assert all(emotion in page for emotion in EMOTIONS)


def test_a_classifier_and_made_faces_from_the_command_line(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    fertools("split", "--folds", "4")
    small = ("--set", "width=0.0625", "--set", "epochs=0.2", "--device", "cpu")
    ended = fertools("train", "classifier", "--preset", "smoke", *small, "--json")
    assert ended.code == 0, ended.err
    assert {"uar", "accuracy", "macro f1"} <= set(json.loads(ended.out))
    assert fertools("generate", "classifier/smoke").err.startswith("fertools: classifier/smoke generates no faces")
    assert fertools("train", "stargan", *TINY).code == 0
    made = json.loads(fertools("generate", "stargan/smoke", "--to", "fear", "--device", "cpu", "--json").out)
    assert made["generated faces"] == made["translated"] == 14
    assert Path(made["manifest"]).is_file()
    assert fertools("generate", "stargan/smoke", "--to", "fear", "--of", "nobody").code == 2


def test_weights_are_listed_with_licence_and_whether_they_are_here(fertools: Run, tmp_path: Path) -> None:
    listed = json.loads(fertools("weights", "--json").out)
    assert listed["resnet18-imagenet"]["network"] == "resnet18"
    (tmp_path / "training/weights").mkdir(parents=True)
    (tmp_path / "training/weights" / listed["resnet18-imagenet"]["file"]).write_bytes(b"x")
    ended = fertools("weights")
    assert ended.code == 0
    assert "resnet18-imagenet  here: " in ended.out
    assert "licence: BSD-3-Clause" in ended.out
