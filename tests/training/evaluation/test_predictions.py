"""The table of predictions: what is written is read back, and invalid predictions are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.errors import InputError, SchemaError
from fertools.training.evaluation.predictions import (
    Predictions,
    join_predictions,
    make_predictions,
    read_predictions,
    write_predictions,
)

CLASSES = ("anger", "happiness", "surprise")


def manifest_rows(names: list[str], *, subject: str | None = "s0") -> pa.Table:
    count = len(names)
    return pa.table(
        {
            "face_id": names,
            "subject_id": pa.array([subject] * count, pa.string()),
            "emotion": pa.array([CLASSES[index % 3] for index in range(count)]),
            "valence": pa.array(np.linspace(-0.5, 0.5, count), pa.float32()),
            "arousal": pa.array([0.25] * count, pa.float32()),
            "blur": pa.array([10.0] * count, pa.float32()),
        }
    )


def made(names: list[str], fold: int = 0, classes: tuple[str, ...] = CLASSES) -> Predictions:
    rows = manifest_rows(names)
    shares = np.full((len(names), len(classes)), 1 / len(classes))
    return make_predictions(rows, manifest_rows(["t1", "t2"]), fold=fold, classes=classes, probabilities=shares)


@given(st.integers(0, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, count: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = tuple(f"c{index}" for index in range(width))
    rows = manifest_rows([f"{index:04}" for index in rng.permutation(count)])
    shares = rng.dirichlet(np.ones(width), count)
    points = rng.uniform(-1, 1, (count, 2))
    before = make_predictions(rows, rows, fold=3, classes=classes, probabilities=shares, valence_arousal=points)
    path = tmp_path_factory.mktemp("p") / "predictions.parquet"
    write_predictions(path, before)
    assert read_predictions(path) == before
    first = path.read_bytes()
    write_predictions(path, before)
    assert path.read_bytes() == first


def test_rows_are_brought_into_order_with_what_was_predicted_of_them() -> None:
    rows = manifest_rows(["b", "a"])
    predictions = make_predictions(
        rows, rows, fold=1, classes=("anger", "fear"), probabilities=np.array([[0.125, 0.875], [1, 0]])
    )
    assert predictions.table["face_id"].to_pylist() == ["a", "b"]
    assert predictions.probabilities().tolist() == [[1, 0], [0.125, 0.875]]
    # 'b' is of anger, and 'a' of happiness, which this model does not know.
    assert predictions.labels().tolist() == [-1, 0]
    assert predictions.folds().tolist() == [1, 1]
    assert np.isnan(predictions.numbers("valence_predicted")).all()
    assert predictions.numbers("blur").tolist() == [10, 10]
    assert np.isnan(predictions.numbers("face_px")).all()


def test_a_face_of_nobody_known_is_a_group_by_itself() -> None:
    rows = manifest_rows(["a", "b"], subject=None)
    predictions = make_predictions(rows, rows, valence_arousal=np.zeros((2, 2)))
    assert len(set(predictions.groups())) == 2
    assert predictions.classes == ()
    assert predictions.probabilities().shape == (2, 0)


def test_what_was_trained_on_is_kept_for_the_baselines() -> None:
    trained = made(["a"]).trained[0]
    assert (trained.faces, trained.emotions) == (2, {"anger": 1, "happiness": 1})
    assert trained.valence == pytest.approx(0)
    assert trained.arousal == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("shares", "points", "words"),
    [
        (np.array([[0.5, 0.5, 0.5]]), None, "sum 1"),
        (np.array([[1.5, -0.5, 0.0]]), None, "sum 1"),
        (np.array([[np.nan, 0.5, 0.5]]), None, "finite"),
        (np.array([[0.5, 0.5]]), None, "shape"),
        (None, np.array([[np.inf, 0]]), "finite"),
        (None, np.array([0.0, 0.0]), "shape"),
        (None, None, "need"),
    ],
)
def test_what_is_no_prediction_is_refused(shares: np.ndarray | None, points: np.ndarray | None, words: str) -> None:
    rows = manifest_rows(["a"])
    classes = CLASSES if shares is not None else ()
    with pytest.raises(ValueError, match=words):
        make_predictions(rows, rows, classes=classes, probabilities=shares, valence_arousal=points)


def test_folds_are_put_together() -> None:
    whole = join_predictions([made(["c", "a"], fold=1), made(["b"], fold=0)])
    assert whole.table["face_id"].to_pylist() == ["a", "b", "c"]
    assert whole.folds().tolist() == [1, 0, 1]
    assert set(whole.trained) == {0, 1}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([made(["a"]), made(["a"], fold=1)], "twice"),
        ([made(["a"]), made(["b"])], "twice"),
        ([made(["a"]), made(["b"], fold=1, classes=("fear", "joy"))], "fear, joy"),
        ([], "no predictions"),
    ],
)
def test_what_is_not_of_one_run_is_not_put_together(parts: list[Predictions], words: str) -> None:
    with pytest.raises(InputError, match=words):
        join_predictions(parts)


def test_files_that_are_no_predictions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    with pytest.raises(InputError, match="no predictions at"):
        read_predictions(path)
    path.write_bytes(b"something")
    with pytest.raises(SchemaError, match="Parquet"):
        read_predictions(path)
    pq.write_table(pa.table({"face_id": ["a"]}), path)
    with pytest.raises(SchemaError, match="version 2"):
        read_predictions(path)
    write_predictions(path, made(["a"]))
    pq.write_table(pq.read_table(path).drop_columns(["p_anger"]), path)
    with pytest.raises(SchemaError, match="other columns"):
        read_predictions(path)


def test_a_model_that_holds_out_two_folds_is_of_both() -> None:
    rows = manifest_rows(["a", "b", "c"]).append_column("fold", pa.array([3, 0, 3], pa.int32()))
    found = make_predictions(rows, rows, fold=None, classes=CLASSES, probabilities=np.full((3, 3), 1 / 3))
    assert found.folds().tolist() == [3, 0, 3]
    assert list(found.trained) == [0, 3]
