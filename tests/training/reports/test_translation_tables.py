"""The tables of generated faces, and their warnings."""

from __future__ import annotations

from typing import Any

import pytest

from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.reports.table_formatting import format_table
from fertools.training.reports.translation_tables import measured_tables, missing_measures, translator_tables
from tests.training.guesses import invent


def measured(value: float) -> dict[str, Any]:
    return {"pooled": value, "people": {"low": value - 0.1, "high": value + 0.1, "groups": 9}}


def figures() -> dict[str, Any]:
    parts = {"l1": measured(0.5), "psnr": measured(20), "ssim": measured(0.75)}
    far = {"real": 30, "generated": 70, "fid": 12.5, "kid": 0.25, "kid_sd": 0.01, "kid_size": 15}
    real = compute_metrics(invent(skill=3, va=True))
    return {
        "faces": 1,
        "generated": 7,
        "subjects": 1,
        "folds": [0],
        "targets": ["fear"],
        "drawn": 0,
        "truth": None,
        "people_probe": {
            "faces": 84,
            "people": 12,
            "chance": 1 / 12,
            "measures": {
                "generated": {"pooled": 0.125, "people": {"low": 0.05, "high": 0.25, "groups": 12}},
                "unchanged": {"pooled": 0.875, "people": {"low": 0.75, "high": 0.95, "groups": 12}},
            },
        },
        "nearest": {
            "faces": 84,
            "measures": {
                "distance": {"pooled": 0.3, "people": {"low": 0.25, "high": 0.35, "groups": 12}},
                "same_emotion": {"pooled": 0.6, "people": {"low": 0.5, "high": 0.7, "groups": 12}},
            },
        },
        "reconstruction": {"measures": parts, "by_target": [{"target": "fear", "measures": parts}]},
        "judges": {
            "classifier/x": {
                "digest": "d",
                "chose": False,
                "generated": compute_metrics(invent(skill=1, va=True)),
                "unchanged": compute_metrics(invent(skill=0, seed=2, va=True)),
                "real": real,
            }
        },
        "features": {
            "net": {
                "digest": "d",
                "dimensions": 2048,
                "published": True,
                "all": far,
                "floor": None,
                "by_target": [{"target": "fear", "distance": None}],
            }
        },
        "identity": {
            "who": {
                "digest": "d",
                "cosine": measured(0.6),
                "by_target": [{"target": "fear", "cosine": measured(0.6)}],
                "same_person": 0.9,
                "other_people": None,
            }
        },
        "gan_train": {"classifier_x": compute_metrics(invent(skill=2))},
        "waiting": [],
    }


def text(found: dict[str, Any]) -> str:
    return "\n\n".join(format_table(result_table, "text") for result_table in measured_tables(found))


def test_every_measure_has_its_table_with_what_to_compare_it_with() -> None:
    told = text(figures())
    for words in (
        "7 generated faces, of 1 face of 1 person, each translated back",
        "0.500 [0.400, 0.600]",
        "the same faces, unchanged",
        "real faces, by their own label",
        "Share of generated faces that classifier/x assigns to the target",
        "Target (rows) and prediction of classifier/x (columns)",
        "Valence predicted by classifier/x",
        "Arousal predicted by classifier/x",
        "12.50  0.2500 ± 0.0100",
        "two real faces of one person",
        "GAN-train: trained on generated faces",
        "the judge: trained on real faces",
    ):
        assert words in told, words
    assert "\nfear" in told


def test_few_pictures_and_unpublished_features_are_said() -> None:
    found = figures()
    assert "FID is mostly bias" in text(found)
    assert "Published distances use other features" not in text(found)
    found["features"]["net"]["all"] |= {"real": 5000, "generated": 5000}
    found["features"]["net"]["published"] = False
    assert "FID is mostly bias" not in text(found)
    assert "Published distances use other features" in text(found)


def test_a_judge_that_chose_the_best_state_is_no_independent_one() -> None:
    found = figures()
    assert "which had no part in training" in text(found)
    found["judges"]["classifier/x"]["chose"] = True
    assert "which had no part in training" not in text(found)
    assert "is not independent of it" in text(found)


def test_a_judge_that_had_a_part_in_training_is_no_independent_one() -> None:
    found = figures()
    found["judges"]["classifier/x"]["had_part"] = True
    assert "which had no part in training" not in text(found)
    assert "whose weights had a part in training these generators" in text(found)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("judges", "expression consistency, GAN-test"),
        ("features", "FID, KID"),
        ("identity", "identity preservation"),
        ("gan_train", "GAN-train"),
        ("people_probe", "people told apart on generated faces"),
        ("nearest", "nearest real faces"),
    ],
)
def test_what_is_missing_is_named_with_its_command(part: str, words: str) -> None:
    found = figures()
    assert list(missing_measures("stargan/x", found)) == []
    ((what, command),) = missing_measures("stargan/x", found | {part: {}})
    assert what == words
    assert command.startswith("fertools evaluate stargan/x --")
    tables = translator_tables("stargan/x", found | {part: {}, "waiting": ["net"]})
    assert tables[-1].title == "stargan/x: not measured"
    assert tables[-1].rows[0] == (
        "faces generated since net was applied",
        "fertools evaluate stargan/x, and name net again",
    )


def test_the_distance_to_a_drawn_truth_is_openly_drawn() -> None:
    found = figures() | {"drawn": 7}
    ways = dict(missing_measures("stargan/x", found))
    assert ways["distance to the true images (drawn people)"].endswith("stargan/x --drawn")
    part = {"faces": 6, "measures": {"l1": measured(0.125), "unchanged_l1": measured(0.25)}}
    found["truth"] = part | {"by_target": [{"target": "fear", **part}]}
    assert not any("--drawn" in way for _, way in missing_measures("stargan/x", found))
    (result_table,) = (result_table for result_table in measured_tables(found) if "true image" in result_table.title)
    assert "drawn people" in result_table.title
    assert "These people are drawn" in result_table.note
    assert [row[:2] for row in result_table.rows] == [("all", "6"), ("fear", "6")]
    assert result_table.rows[0][2].startswith("0.125")
    assert result_table.rows[0][3].startswith("0.250")


def test_the_probe_stands_beside_the_inputs_and_guessing() -> None:
    tables = {table.title: table for table in translator_tables("x", figures())}
    probe = tables["x: People told apart by a linear probe"]
    assert [row[0] for row in probe.rows] == ["generated faces", "their unchanged inputs", "guessing"]
    assert [row[1] for row in probe.rows] == ["0.125 [0.050, 0.250]", "0.875 [0.750, 0.950]", "0.083"]
    (row,) = tables["x: Nearest real faces"].rows
    assert row == ("generated faces", "84", "0.300 [0.250, 0.350]", "0.600 [0.500, 0.700]")


def test_faces_without_a_way_back_have_no_reconstruction() -> None:
    titles = [table.title for table in translator_tables("x", figures() | {"reconstruction": None})]
    assert not [title for title in titles if "Reconstruction" in title]
