"""Several runs on one test set: what all have predicted, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.training.evaluation.common_faces import find_common_faces
from fertools.training.evaluation.predictions import Predictions
from tests.training.guesses import invent, with_column


def part_of(run: Predictions, kept: np.ndarray) -> Predictions:
    return Predictions(run.table.filter(pa.array(kept)), run.classes, run.trained)


def ids(run: Predictions) -> list[str]:
    found: list[str] = run.table["face_id"].to_pylist()
    return found


def test_equal_runs_stay_what_they_are_whatever_the_order_of_classes() -> None:
    first, second = invent(seed=1), invent(seed=2)
    turned = Predictions(
        second.table.select([*second.table.column_names[:-7], *reversed(second.table.column_names[-7:])]),
        tuple(reversed(second.classes)),
        second.trained,
    )
    found = find_common_faces({"a": [first], "b": [turned]})
    assert found.classes == EMOTIONS
    assert (dict(found.left_out), dict(found.other_classes)) == ({"a": 0, "b": 0}, {"a": (), "b": ()})
    assert found.runs["b"][0].table.equals(second.table)
    assert found.faces is found.runs["a"][0].table


def test_other_faces_are_refused_or_left_out_when_asked() -> None:
    first, second = invent(seed=1), invent(seed=2)
    count = len(first.table)
    rows = np.arange(count)
    runs = {"a": [part_of(first, rows >= 10)], "b": [part_of(second, rows < count - 20)]}
    words = rf"not tested on the same faces: {count - 30} in common, 20 only in a, 10 only in b, .*`on`.*`common=True`"
    with pytest.raises(InputError, match=words):
        find_common_faces(runs)
    found = find_common_faces(runs, common=True)
    assert ids(found.runs["a"][0]) == ids(found.runs["b"][0]) == ids(first)[10:-20]
    assert dict(found.left_out) == {"a": 20, "b": 10}
    apart = {"a": [part_of(first, rows < 10)], "b": [part_of(second, rows >= 10)]}
    with pytest.raises(InputError, match=r"0 in common, (?!.*common=True)"):
        find_common_faces(apart)
    with pytest.raises(InputError, match="no labelled face in common"):
        find_common_faces(apart, common=True)


def test_other_classes_are_refused_or_scaled_to_the_common_ones_when_asked() -> None:
    first, second = invent(seed=1), invent(seed=2)
    fewer = tuple(name for name in EMOTIONS if name not in ("neutral", "fear"))
    table = second.table.drop_columns(["p_neutral", "p_fear"])
    # A face whose probability was all on other classes has no preference.
    undecided = next(row for row, name in enumerate(second.table["emotion"].to_pylist()) if name in fewer)
    for name in fewer:
        shares = table[f"p_{name}"].to_numpy().copy()
        shares[undecided] = 0
        place = table.column_names.index(f"p_{name}")
        table = table.set_column(place, table.schema.field(f"p_{name}"), pa.array(shares))
    column = pa.field("p_contempt", pa.float32(), nullable=False), pa.array(np.zeros(len(table), np.float32))
    other = Predictions(table.append_column(*column), (*fewer, "contempt"), second.trained)
    runs = {"a": [first], "b": [other]}
    with pytest.raises(InputError, match="b predicts contempt, and a does not"):
        find_common_faces(runs)
    found = find_common_faces(runs, common=True)
    assert found.classes == fewer
    assert {name: set(others) for name, others in found.other_classes.items()} == {
        "a": {"fear", "neutral"},
        "b": {"contempt"},
    }
    assert set(found.faces["emotion"].to_pylist()) == set(fewer)
    known = np.isin(np.array(first.table["emotion"].to_pylist()), fewer)
    assert dict(found.left_out) == {"a": int((~known).sum()), "b": 0}
    wanted = first.probabilities()[known][:, [EMOTIONS.index(name) for name in fewer]]
    assert found.runs["a"][0].probabilities() == pytest.approx(wanted / wanted.sum(axis=1, keepdims=True), abs=1e-6)
    row = ids(found.runs["b"][0]).index(ids(second)[undecided])
    assert found.runs["b"][0].probabilities()[row] == pytest.approx([0.2] * 5)


def test_faces_without_a_usable_label_count_for_nobody() -> None:
    first, second = invent(seed=1), invent(seed=2)
    emotions = [None] * 5 + first.table["emotion"].to_pylist()[5:]
    unlabelled = [with_column(run, "emotion", emotions) for run in (first, second)]
    found = find_common_faces({"a": [unlabelled[0]], "b": [unlabelled[1]]})
    assert len(found.faces) == len(first.table) - 5
    assert dict(found.left_out) == {"a": 0, "b": 0}


def test_another_label_of_a_face_is_named() -> None:
    first, second = invent(seed=1), invent(seed=2)
    emotions = ["anger" if name != "anger" else "fear" for name in second.table["emotion"].to_pylist()]
    other = with_column(second, "emotion", emotions)
    with pytest.raises(InputError, match=f"the face {ids(first)[0]} has another emotion in a than in b"):
        find_common_faces({"a": [first], "b": [other]})


def test_valence_and_arousal_alone_are_compared_on_rated_faces_and_not_with_expressions() -> None:
    both = invent(va=True)
    names = [name for name in both.table.column_names if not name.startswith("p_")]
    alone = Predictions(both.table.select(names), (), both.trained)
    found = find_common_faces({"a": [alone], "b": [alone]})
    assert (found.classes, len(found.faces)) == ((), len(both.table))
    with pytest.raises(InputError, match="b predicts expressions, and a only valence and arousal"):
        find_common_faces({"a": [alone], "b": [both]})
