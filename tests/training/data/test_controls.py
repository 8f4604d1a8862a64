"""The controls of an experiment with generated faces, as keys of the classifier: what each puts into training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fertools.core.errors import CheckFailed, RecipeError
from fertools.core.workspace import Workspace
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.data.selection import select_domains
from fertools.training.jobs.generate import generate
from fertools.training.jobs.train import train
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import digest_person, read_lineage
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.classifier.system import Classifier, without_colour
from tests.training.drawn_pairs import write_drawn_pairs

GENERATOR = ("epochs=1", "decay_epochs=0", "val_share=0.3", "translate_faces=1")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Five people, a fold each, and thermal faces generated of those whom fold 0 leaves for training."""
    workspace = write_drawn_pairs(tmp_path_factory.mktemp("pairs"), people=5)
    train(workspace, "cyclegan", preset="smoke", overrides=GENERATOR, device="cpu", run="gan")
    generate(workspace, "cyclegan/gan", which="train", device="cpu")
    return workspace


def recipe(*overrides: str) -> ClassifierRecipe:
    settings = ("modality=thermal", "val_share=0.3", *overrides)
    return resolve_recipe("classifier", ClassifierRecipe, "smoke", settings).recipe


def counts(workspace: Workspace, *overrides: str) -> dict[str, int]:
    """Return training faces by what they are, validation and test faces, and iterations of the run."""
    chosen = recipe(*overrides)
    selection = select_domains(workspace, chosen)
    rows = [selection.main.table.slice(int(row), 1).to_pylist()[0] for row in selection.main.rows("train")]
    kinds = ["generated" if row["parent_id"] else row["modality"] for row in rows]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} | {
        "val": len(selection.main.rows("val")),
        "test": len(selection.main.rows("test")),
        "iterations": chosen.course(selection.counts()).iterations,
    }


def test_real_and_generated_faces_are_one_to_one_and_validation_people_have_none(workspace: Workspace) -> None:
    alone, helped = counts(workspace), counts(workspace, "generated=cyclegan/gan")
    assert alone["thermal"] == helped["thermal"] == helped["generated"] == 21
    assert alone["val"] == helped["val"] == alone["test"] == 7


def test_controls_have_as_many_updates_as_with_generated_faces(workspace: Workspace) -> None:
    helped = counts(workspace, "generated=cyclegan/gan")["iterations"]
    assert counts(workspace, "real_copies=2")["iterations"] == helped
    assert counts(workspace, "extra_modality=visible", "grey=true")["iterations"] == helped
    assert counts(workspace, "epochs=4")["iterations"] == helped
    assert counts(workspace)["iterations"] < helped


def test_further_faces_are_real_ones_of_training_people_and_test_faces_are_not_added(workspace: Workspace) -> None:
    found = counts(workspace, "extra_modality=visible")
    assert (found["thermal"], found["visible"], found["val"], found["test"]) == (21, 21, 7, 7)
    selection = select_domains(workspace, recipe("extra_modality=visible"))
    table = selection.main.table
    people = np.array(table["subject_id"].to_pylist())
    kept = {*people[selection.main.rows("val")], *people[selection.main.rows("test")]}
    assert not kept & set(people[selection.main.rows("train")])


def test_each_real_face_comes_twice_an_epoch_and_each_generated_one_once(workspace: Workspace) -> None:
    faces = select_domains(workspace, recipe("real_copies=2", "generated=cyclegan/gan")).main
    pixels = load_pixels(workspace, faces, 32, workspace.pixels)
    loader = BatchLoader(
        {FACES: FaceSource(faces, pixels)}, batch_size=63, augmentation=Augmentation(), seed=0, device="cpu"
    )
    rows = loader.next().rows[FACES].tolist()
    generated = [bool(name) for name in faces.table["parent_id"].to_pylist()]
    assert {row: rows.count(row) for row in set(rows)} == {
        row: 1 if generated[row] else 2 for row in faces.rows("train").tolist()
    }


def test_generated_faces_may_be_limited_and_the_choice_does_not_change(workspace: Workspace) -> None:
    settings = ("generated=cyclegan/gan", "generated_ratio=0.5")
    found = counts(workspace, *settings)
    assert (found["thermal"], found["generated"]) == (21, 10)
    names = [select_domains(workspace, recipe(*settings)).main.table["face_id"].to_pylist() for _ in range(2)]
    assert names[0] == names[1]


def test_without_colour_a_red_and_a_grey_face_of_one_brightness_are_the_same(workspace: Workspace) -> None:
    red = torch.zeros(2, 3, 32, 32)
    red[:, 0] = 1.0
    grey = torch.full((2, 3, 32, 32), 0.299)
    torch.testing.assert_close(without_colour(red), grey)
    system = Classifier(recipe("grey=true"))
    network = system.networks["network"].eval()
    torch.testing.assert_close(system.predict(network, red)[0], system.predict(network, grey)[0])
    plain = Classifier(recipe())
    assert not torch.allclose(plain.predict(network, red)[0], plain.predict(network, grey)[0])


def read_run(workspace: Workspace, name: str, *overrides: str, **options: Any) -> RunFolder:
    settings = ("modality=thermal", "epochs=1", *overrides)
    train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run=name, **options)
    return RunFolder(workspace.runs("classifier") / name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("early_stop=test-fold", "patience=3", "val_share=0"), "its own choice of the best state"),
        (("learn_from=all",), "its own training"),
    ],
)
def test_what_leaks_by_itself_is_refused_unless_it_is_allowed(
    workspace: Workspace, settings: tuple[str, ...], words: str
) -> None:
    name = settings[0].partition("=")[0]
    with pytest.raises(CheckFailed, match=f"the test people have a part in {words}"):
        read_run(workspace, f"{name}-refused", *settings)
    folder = read_run(workspace, name, *settings, allow_leaks=True)
    lineage = read_lineage(folder)
    assert lineage is not None
    assert digest_person("p00", "") in lineage.people
    assert (digest_person("p00", "") in lineage.validators) == (name == "early_stop")
    assert (folder.root / "predictions.parquet").is_file()


def test_who_only_validates_is_recorded_as_such(workspace: Workspace) -> None:
    lineage = read_lineage(read_run(workspace, "plain", "val_share=0.3"))
    assert lineage is not None
    assert (lineage.record["people"], lineage.record["validators"], len(lineage.validators)) == (4, 1, 1)


def test_weights_that_were_trained_on_the_validation_people_are_said(workspace: Workspace) -> None:
    read_run(workspace, "everybody", "val_share=0")
    weights = "pretrained=training/classifier/everybody/models/network.safetensors"
    record = read_run(workspace, "tuned", weights, "val_share=0.3").read()
    assert record is not None
    (sentence,) = record["lineage"]["validation"]
    assert "was trained on 1 person kept for validation here" in sentence
    assert record["lineage"]["leaks"] == []
    read_run(workspace, "same", "val_share=0.3")
    weights = "pretrained=training/classifier/same/models/network.safetensors"
    record = read_run(workspace, "again", weights, "val_share=0.3").read()
    assert record is not None
    assert record["lineage"]["validation"] == []


def test_the_same_modality_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="extra_modality is thermal, and those faces are trained on already"):
        recipe("extra_modality=thermal")
