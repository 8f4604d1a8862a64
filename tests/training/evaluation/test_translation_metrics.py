"""Metrics of generated faces against plain computations from the same tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from fertools.core.progress import Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.statistics.concordance import concordance
from fertools.training.evaluation.cached_outputs import EvaluationNetwork, ImageSet, update_outputs
from fertools.training.evaluation.fid import frechet_distance, kernel_distance
from fertools.training.evaluation.originals import read_originals, write_originals
from fertools.training.evaluation.subject_means import mean_over_subjects, number_people
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import add_translations, read_translations
from fertools.training.runs.load import load_translator
from tests.training.evaluation.trained_runs import TRANSLATOR, write_people
from tests.training.tiny import train_tiny

TRAINED = {"faces": 9, "emotions": {"fear": 9}, "valence": 0.25, "arousal": None}


class Setting:
    """A translator's run, and invented numbers for its made and real faces."""

    def __init__(self, root: Path, *overrides: str) -> None:
        workspace: Workspace = write_people(root)
        self.root = train_tiny(workspace, "translate_faces=6", *overrides).path
        write_originals(self.root, load_translator(workspace, TRANSLATOR).selection)
        self.made = read_translations(self.root)
        self.real = read_originals(self.root, held_out=True)
        self.training = read_originals(self.root, held_out=False)
        self.told: dict[str, np.ndarray] = {}

    def invent(self, kind: str, width: int, about: dict[str, Any], *, classes: int = 0, training: int = 0) -> None:
        """Let a network say something of every face; the first `classes` numbers are probabilities."""
        names = [*self.made["face_id"].to_pylist(), *self.real["face_id"].to_pylist()]
        names += self.training["face_id"].to_pylist()[:training]
        rng = np.random.default_rng(len(names) + width)
        values = rng.normal(size=(len(names), width)).astype(np.float32)
        if classes:
            shares = np.exp(values[:, :classes])
            values[:, :classes] = shares / shares.sum(axis=1, keepdims=True)
        self.told = dict(zip(names, values.astype(np.float64), strict=True))
        # A picture holds its own place in the list.
        images = ImageSet(names, names, lambda rows: rows[:, None, None, None])  # type: ignore[arg-type, return-value]
        reader = EvaluationNetwork(kind, "some/one", "d", about, width, lambda pictures: values[pictures.ravel()])
        update_outputs(self.root, reader, [images], Silent())

    def of(self, names: Any) -> np.ndarray:
        return np.stack([self.told[name] for name in names.to_pylist()])


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(tmp_path_factory.mktemp("people"))


def test_reconstruction_is_the_mean_of_the_table(setting: Setting) -> None:
    found = compute_translation_metrics(setting.root)
    assert (found["faces"], found["generated"], found["subjects"]) == (6, 42, 2)
    assert (found["targets"], found["folds"]) == (list(EMOTIONS), [0])
    measures = found["reconstruction"]["measures"]
    for name in ("l1", "psnr", "ssim"):
        values = setting.made[name].to_numpy()
        assert measures[name]["pooled"] == pytest.approx(values.mean(), rel=1e-6)
        assert measures[name]["people"] is None, "two people say too little of others"
    fear = next(part for part in found["reconstruction"]["by_target"] if part["target"] == "fear")
    wanted = np.mean([row["l1"] for row in setting.made.to_pylist() if row["target"] == "fear"])
    assert fear["measures"]["l1"]["pooled"] == pytest.approx(wanted)
    assert found["judges"] == found["features"] == found["identity"] == found["gan_train"] == {}


def test_a_judge_is_asked_of_made_unchanged_and_real_faces(setting: Setting) -> None:
    setting.invent(
        "judge", 7, {"classes": list(EMOTIONS), "reads_va": False, "chose": False, "trained": TRAINED}, classes=7
    )
    found = compute_translation_metrics(setting.root)["judges"]["some/one"]

    def decided(names: Any) -> list[str]:
        return [EMOTIONS[index] for index in setting.of(names).argmax(axis=1)]

    asked = setting.made["target_emotion"].to_pylist()
    for key, truth, decisions in (
        ("generated", asked, decided(setting.made["face_id"])),
        ("unchanged", asked, decided(setting.made["parent_id"])),
        ("real", setting.real["emotion"].to_pylist(), decided(setting.real["face_id"])),
    ):
        measures = found[key]["classification"]["measures"]
        assert measures["accuracy"]["pooled"] == pytest.approx(np.mean(np.array(truth) == np.array(decisions))), key
        assert measures["balanced_accuracy"]["pooled"] == pytest.approx(balanced_accuracy_score(truth, decisions))
    counts = np.array(found["generated"]["classification"]["confusion"]["counts"])
    assert counts.sum(axis=1).tolist() == [6] * 7, "rows are the targets"
    assert "valence_arousal" not in found["generated"]
    assert found["unchanged"]["classification"]["measures"]["accuracy"]["pooled"] == pytest.approx(1 / 7), (
        "each face stands for every expression once"
    )


def test_points_are_compared_with_those_that_were_asked_for(tmp_path: Path) -> None:
    setting = Setting(tmp_path, "condition=va2")
    setting.invent("judge", 2, {"classes": [], "reads_va": True, "chose": False, "trained": TRAINED})
    found = compute_translation_metrics(setting.root)["judges"]["some/one"]
    for axis, name in enumerate(("valence", "arousal")):
        wanted = setting.made[f"target_{name}"].to_numpy().astype(float)
        for key, column in (("generated", "face_id"), ("unchanged", "parent_id")):
            read = setting.of(setting.made[column])[:, axis]
            measures = found[key]["valence_arousal"][name]["measures"]
            assert measures["ccc"]["pooled"] == pytest.approx(concordance(read, wanted), abs=1e-6)
            assert measures["rmse"]["pooled"] == pytest.approx(np.sqrt(np.mean((read - wanted) ** 2)))
    assert "classification" not in found["generated"]


def test_distances_are_those_of_the_saved_features(setting: Setting) -> None:
    setting.invent("features", 12, {"published": True}, training=20)
    found = compute_translation_metrics(setting.root, seed=3)["features"]["some/one"]
    real, made = setting.of(setting.real["face_id"]), setting.of(setting.made["face_id"])
    assert (found["dimensions"], found["published"]) == (12, True)
    assert (found["all"]["real"], found["all"]["generated"]) == (14, 42)
    assert found["all"]["fid"] == pytest.approx(frechet_distance(real, made))
    kernel = kernel_distance(real, made, np.random.default_rng(3), size=7)
    assert (found["all"]["kid"], found["all"]["kid_sd"], found["all"]["kid_size"]) == (kernel.mean, kernel.sd, 7)
    training = setting.of(setting.training["face_id"][:20])
    assert found["floor"]["generated"] == 20, "only those that have been read"
    assert found["floor"]["fid"] == pytest.approx(frechet_distance(real, training))
    fear = next(part["distance"] for part in found["by_target"] if part["target"] == "fear")
    few = setting.real.filter(pa.compute.equal(setting.real["emotion"], "fear"))
    some = setting.made.filter(pa.compute.equal(setting.made["target_emotion"], "fear"))
    assert (fear["real"], fear["generated"]) == (2, 6)
    assert fear["fid"] == pytest.approx(frechet_distance(setting.of(few["face_id"]), setting.of(some["face_id"])))


def test_identity_is_the_cosine_to_the_face_before(setting: Setting) -> None:
    setting.invent("identity", 5, {})
    found = compute_translation_metrics(setting.root)["identity"]["some/one"]

    def cosine(one: np.ndarray, two: np.ndarray) -> float:
        return float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))

    pairs = zip(setting.of(setting.made["parent_id"]), setting.of(setting.made["face_id"]), strict=True)
    cosines = np.array([cosine(before, after) for before, after in pairs])
    assert found["cosine"]["pooled"] == pytest.approx(cosines.mean())
    assert found["cosine"]["people"] is None
    asked = np.array(setting.made["target"].to_pylist())
    anger = next(part["cosine"] for part in found["by_target"] if part["target"] == "anger")
    assert anger["pooled"] == pytest.approx(cosines[asked == "anger"].mean())
    rows = setting.real.to_pylist()
    same: list[float] = []
    other: list[float] = []
    for index, row in enumerate(rows):
        for before in rows[:index]:
            value = cosine(setting.told[row["face_id"]], setting.told[before["face_id"]])
            (same if row["subject_id"] == before["subject_id"] else other).append(value)
    assert (found["same_person"], found["other_people"]) == pytest.approx((np.mean(same), np.mean(other)))


def test_a_network_that_has_not_read_all_faces_waits(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.invent("identity", 5, {})
    row = setting.made.slice(0, 1).to_pylist()[0] | {"face_id": "another"}
    add_translations(setting.root, pa.Table.from_pylist([row], schema=setting.made.schema))
    found = compute_translation_metrics(setting.root)
    assert found["identity"] == {}
    assert found["waiting"] == ["some/one"]


def test_people_count_with_all_that_was_made_of_them() -> None:
    table = pa.table({"subject_id": ["a", None, "a", None, None], "parent_id": ["1", "2", "3", "2", "4"]})
    assert number_people(table).tolist() == [0, 1, 0, 1, 2]
    (one,) = mean_over_subjects(np.array([[1.0], [3.0]]), np.array([0, 0]))
    assert one == {"pooled": 2.0, "people": None}, "one person says nothing of others"
    means = np.array([0.1, 0.4, 0.2, 0.5, 0.3, 0.9])
    (six,) = mean_over_subjects(np.repeat(means, 7)[:, None], np.repeat(np.arange(6), 7))
    wanted = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert (six["people"]["low"], six["people"]["high"]) == pytest.approx((wanted.low, wanted.high))
