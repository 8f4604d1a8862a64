"""Faces generated from held-out faces: images, manifest and metrics, against second implementations."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import stats
from torch import Tensor

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.faces import Faces, select_faces
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.evaluation.translator import Rows, Translator, to_pixels, translate_held_out
from fertools.training.recipes.domains import FACES as DOMAIN
from fertools.training.runs.generated import list_generated, slug
from fertools.training.systems.stargan.system import G, Stargan
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import tiny_recipe


@dataclass
class Setting:
    """Everything that an evaluation needs."""

    workspace: Workspace
    faces: Faces
    system: Stargan
    translator: Translator
    rows: Rows


def make_setting(root: Path, *overrides: str) -> Setting:
    rows = blob_rows()
    rng = np.random.default_rng(0)
    for row in rows:
        row["valence"] = float(rng.uniform(-1, 1))
    workspace = write_blobs(root, rows)
    recipe = tiny_recipe(*overrides)
    faces = select_faces(workspace, modality="visible", test_folds=[1], needs_emotion=True, needs_va=recipe.needs_va)
    pixels = load_pixels(workspace, faces, 16, root / "cache")
    sources, augmentation = {DOMAIN: FaceSource(faces, pixels)}, Augmentation(flip=True)
    loader = BatchLoader(sources, batch_size=4, augmentation=augmentation, seed=0, device="cpu")
    torch.manual_seed(0)
    system = Stargan(recipe)
    translations = system.translations(torch.from_numpy(faces.prototypes()))
    translator = Translator(system, system.networks, loader, translations, contextlib.nullcontext)
    return Setting(workspace, faces, system, translator, faces.rows("test"))


def translated(setting: Setting, folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    return translate_held_out(setting.translator, {DOMAIN: setting.faces}, {DOMAIN: setting.rows}, folder)


def listed(setting: Setting, folder: Path) -> Path | None:
    return list_generated(
        setting.workspace,
        setting.faces,
        setting.rows,
        setting.translator.translations,
        modality="visible",
        folder=folder,
        system="stargan",
        run="x",
        size_px=16,
        generator_folds=[1],
    )


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return make_setting(tmp_path)


def test_pixels_are_rounded_and_clipped() -> None:
    images = torch.tensor([-1.0, 1.0, 0.0, -2.0, 2.0, 100 / 127.5 - 1]).view(6, 1, 1, 1).expand(6, 3, 1, 1)
    assert to_pixels(images)[:, 0, 0, 0].tolist() == [0, 255, 128, 0, 255, 100]
    assert to_pixels(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)


def test_measures_are_those_of_a_plain_loop(setting: Setting, tmp_path: Path) -> None:
    results, qualities = translated(setting, tmp_path / "made")
    generator, discriminator = setting.system.networks.values()
    errors, right, real = [], dict.fromkeys(EMOTIONS, 0), 0
    with torch.no_grad():
        for row in setting.rows.tolist():
            image = setting.translator.loader.batch(np.array([row])).images
            label = int(setting.faces.emotions[row])
            real += int(discriminator(image)[1].argmax()) == label
            for index, emotion in enumerate(EMOTIONS):
                made = generator(image, torch.eye(7)[[index]])
                back = generator(made, torch.eye(7)[[label]])
                errors.append((back - image).abs().mean().item())
                right[emotion] += int(discriminator(made)[1].argmax()) == index
    assert results["faces"] == len(setting.rows) == 7
    assert results["reconstruction_l1"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert list(qualities) == list(EMOTIONS)
    found = np.stack([qualities[emotion] for emotion in EMOTIONS], axis=1)
    assert found[..., 0].ravel() == pytest.approx(errors, rel=1e-4)
    assert results["discriminator_head"]["real"] == pytest.approx(real / 7)
    assert results["discriminator_head"]["translated"] == {emotion: count / 7 for emotion, count in right.items()}
    assert "discriminator_head_va" not in results


def test_valence_and_arousal_are_measured_on_real_faces(tmp_path: Path) -> None:
    setting = make_setting(tmp_path, "condition=va2")
    results, _ = translated(setting, tmp_path / "made")
    with torch.no_grad():
        images: Tensor = setting.translator.loader.batch(setting.rows).images
        read = setting.system.networks["discriminator"](images)[1].numpy()
    truths = setting.faces.valence_arousal[setting.rows]
    for axis, name in enumerate(("valence", "arousal")):
        measures = results["discriminator_head_va"][name]
        assert measures["pcc"] == pytest.approx(stats.pearsonr(read[:, axis], truths[:, axis]).statistic, abs=1e-5)
        assert measures["rmse"] == pytest.approx(np.sqrt(np.mean((read[:, axis] - truths[:, axis]) ** 2)), rel=1e-5)
        assert set(measures) == {"ccc", "pcc", "rmse", "sagr"}
    assert "discriminator_head" not in results
    assert listed(setting, tmp_path / "made") is None, "the schema has no column for such targets"
    assert len(list((tmp_path / "made").iterdir())) == 7


def test_every_picture_is_the_translation_that_its_row_says(setting: Setting) -> None:
    folder = setting.workspace.root / "training/stargan/x/generated"
    translated(setting, folder)
    path = listed(setting, folder)
    assert path == setting.workspace.root / "manifests/generated/stargan-x.parquet"
    made = store.read_table(path, FACES).to_pylist()
    assert len(made) == 7 * 7
    parents = {row["face_id"]: (number, row) for number, row in enumerate(setting.faces.table.to_pylist())}
    for row in made:
        number, parent = parents[row["parent_id"]]
        assert number in setting.rows
        image = setting.translator.loader.batch(np.array([number])).images
        with torch.no_grad():
            condition = torch.eye(7)[[EMOTIONS.index(row["target_emotion"])]]
            expected = to_pixels(setting.system.networks[G](image, condition))[0]
        found = np.asarray(Image.open(setting.workspace.root / row["path"]).convert("RGB"), np.int16)
        assert np.abs(found - expected).max() <= 1, "a batch of another size rounds differently"
        assert (row["fold"], row["generator_folds"], row["subject_id"]) == (1, [1], parent["subject_id"])
        assert (row["generator_run"], row["size_px"], row["modality"]) == ("stargan/x", 16, "visible")
        assert row["emotion"] is row["valence"] is row["emotion_origin"] is None, "what it shows is not known"
    assert len({row["face_id"] for row in made} | set(parents)) == 49 + len(parents)
    assert {row["target_emotion"] for row in made} == set(EMOTIONS)


def test_the_transform_of_a_resized_crop_maps_the_same_points(setting: Setting) -> None:
    folder = setting.workspace.runs("stargan") / "x" / "generated"
    translated(setting, folder)
    path = listed(setting, folder)
    assert path is not None
    row: dict[str, Any] = store.read_table(path, FACES).to_pylist()[0]
    before = np.array([[1.5, -0.5, 3.0], [0.5, 1.5, -7.0]]) @ (10, 20, 1)
    # The centre of pixel p is at (p + 1/2) / 72 of the crop's side, before and after.
    expected = (before + 0.5) / 72 * 16 - 0.5
    np.testing.assert_allclose(np.array(row["matrix"]) @ (10, 20, 1), expected, rtol=1e-5)


def test_a_grid_has_the_face_and_then_each_target(setting: Setting) -> None:
    headings, lines = setting.translator.grid(setting.rows[:2], DOMAIN)
    assert headings == ["input", *EMOTIONS]
    assert [len(line) for line in lines] == [8, 8]
    images = setting.translator.loader.batch(setting.rows[:2]).images
    np.testing.assert_array_equal(lines[1][0], to_pixels(images)[1])
    made = to_pixels(setting.translator.translate(images, setting.translator.translations[3]))
    np.testing.assert_array_equal(lines[1][4], made[1])


@pytest.mark.parametrize(("words", "name"), [("fear", "fear"), ("v -0.8 a +0.0", "v-0.8_a+0.0"), ("a/b c", "a_b_c")])
def test_targets_become_file_names(words: str, name: str) -> None:
    assert slug(words) == name
