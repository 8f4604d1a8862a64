from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fertools.annotations.circumplex import load_points
from fertools.annotations.prior import PriorSummary, fill_prior
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.manifests.validation import validate
from tests.manifests.rows import Row, build, face, faces_of, identify

FEAR: Row = {"emotion": "fear", "emotion_origin": "folder"}
RATED: Row = {"valence": 0.5, "arousal": 0.25, "va_origin": "people", "va_raters": 3}


def _rows() -> list[Row]:
    return [
        face("afraid", frame=0, **FEAR),
        face("rated", frame=1, **FEAR, **RATED),
        face("unknown", frame=2),
        face("scornful", frame=3, emotion="contempt", emotion_origin="folder"),
        face("rejected", frame=4, status="rejected", reason="small", **FEAR),
    ]


def test_faces_with_an_emotion_and_no_rating_get_its_point(tmp_path: Path) -> None:
    workspace = build(tmp_path, _rows(), crops=True)
    assert fill_prior(workspace) == PriorSummary(
        faces=5, filled=2, by_emotion={"fear": 2}, already=1, without_emotion=1, without_point=1
    )
    rows = faces_of(workspace)
    point = load_points()["fear"]
    for name in ("afraid", "rejected"):
        row = rows[identify(name)]
        assert row["valence"] == np.float32(point.valence)
        assert row["arousal"] == np.float32(point.arousal)
        assert (row["va_origin"], row["va_raters"]) == ("prior", None)
    assert {name: rows[identify("rated")][name] for name in RATED} == RATED
    for name in ("unknown", "scornful"):
        assert rows[identify(name)]["valence"] is None
        assert rows[identify(name)]["va_origin"] is None
    assert validate(workspace).ok


def test_only_the_three_columns_change(tmp_path: Path) -> None:
    workspace = build(tmp_path, _rows())
    before = faces_of(workspace)
    fill_prior(workspace)
    for key, row in faces_of(workspace).items():
        assert {name for name in row if row[name] != before[key][name]} <= {"valence", "arousal", "va_origin"}


def test_a_second_time_does_nothing(tmp_path: Path) -> None:
    workspace = build(tmp_path, _rows())
    fill_prior(workspace)
    before = workspace.manifest.read_bytes(), workspace.manifest.stat().st_mtime_ns
    assert fill_prior(workspace).filled == 0
    assert fill_prior(workspace).already == 3
    assert (workspace.manifest.read_bytes(), workspace.manifest.stat().st_mtime_ns) == before


def test_every_emotion_gets_its_own_point(tmp_path: Path) -> None:
    rows = [face(label, frame=n, emotion=label, emotion_origin="folder") for n, label in enumerate(EMOTIONS)]
    workspace = build(tmp_path, rows)
    assert fill_prior(workspace).by_emotion == dict.fromkeys(EMOTIONS, 1)
    for row in faces_of(workspace).values():
        point = load_points()[row["emotion"]]
        assert (row["valence"], row["arousal"]) == (np.float32(point.valence), np.float32(point.arousal))


def test_a_table_of_the_workspace_wins_and_overwrite_takes_it_up(tmp_path: Path) -> None:
    workspace = build(tmp_path, _rows())
    fill_prior(workspace)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "circumplex.toml").write_text(
        "[points.fear]\nvalence = -1\narousal = 1\nsource = 'ours'\n"
    )
    assert fill_prior(workspace).filled == 0
    assert faces_of(workspace)[identify("afraid")]["valence"] == np.float32(-0.64)
    assert fill_prior(workspace, overwrite=True).filled == 2
    rows = faces_of(workspace)
    assert (rows[identify("afraid")]["valence"], rows[identify("afraid")]["arousal"]) == (-1.0, 1.0)
    assert rows[identify("rated")]["valence"] == 0.5
    before = workspace.manifest.stat().st_mtime_ns
    fill_prior(workspace, overwrite=True)
    assert workspace.manifest.stat().st_mtime_ns == before


def test_without_any_emotion_the_message_says_how_to_give_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no face in .* has an emotion.*folders named by emotion"):
        fill_prior(build(tmp_path, [face("a"), face("b", frame=1, **RATED)]))


def test_an_empty_manifest_needs_no_prior(tmp_path: Path) -> None:
    assert fill_prior(build(tmp_path, [])).faces == 0
