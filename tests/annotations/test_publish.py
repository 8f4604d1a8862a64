from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from fertools.annotations.current import CURRENT_SCHEMA, current_annotations
from fertools.annotations.events import Event
from fertools.annotations.label_import import import_labels
from fertools.annotations.log import RatingLog
from fertools.annotations.prior import fill_prior
from fertools.annotations.publish import publish
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests.validation import validate
from tests.annotations.rating_events import event, piece
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools
from tests.manifests.rows import Row, build, face, faces_of, identify, source

A, B, C, D, E = (identify(name) for name in "abcde")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five faces: a, b, c in frames 0, 10, 20 of a clip; d and e in frame 30 together."""
    faces = [face(name, "clip.mp4", frame) for name, frame in zip("abcde", (0, 10, 20, 30, 30), strict=True)]
    faces[1] |= {"emotion": "sadness", "emotion_origin": "folder"}
    return build(tmp_path / "w", faces, [source("clip.mp4")], crops=True)


def _rate(name: str, valence: float, arousal: float = 0.0, at_ms: int = 1, **body: Any) -> Event:
    return event("rate", at_ms, faces=[name], valence=valence, arousal=arousal, **body)


def _name(name: str, emotion: str) -> Event:
    return event("emotion", 1, faces=[name], emotion=emotion)


def _trace(valence: list[float], axis: str = "both", frames: range = range(31)) -> list[Event]:
    take = event("take", 1, source=identify("clip.mp4"), axis=axis)
    lists: dict[str, list[Any]] = {"valence": [None] * len(valence), "arousal": [None] * len(valence)}
    for name in ("valence", "arousal") if axis == "both" else (axis,):
        lists[name] = list(valence)
    return [
        take,
        event("trace", 2, **piece(take.id, list(frames), lists["valence"], lists["arousal"], identify("clip.mp4"))),
    ]


def _write(workspace: Workspace, acts: dict[str, list[Event]]) -> None:
    with RatingLog(workspace.ratings_log) as log:
        for rater, events in acts.items():
            log.append(rater, events, received_ms=10**6)


def _values(row: Row, *names: str) -> Any:
    return tuple(None if row[name] is None else pytest.approx(row[name], abs=1e-6) for name in names)


def test_clicks_become_means_with_spread_origin_and_count(workspace: Workspace) -> None:
    _write(workspace, {"anna": [_rate(A, 0.2, 0.5), _rate(B, -1)], "ben": [_rate(A, 0.6, 0.5)]})
    summary = publish(workspace)
    assert (summary.rated, summary.changed, summary.raters) == (2, 2, ("anna", "ben"))
    rows = faces_of(workspace)
    names = ("valence", "arousal", "va_raters", "valence_spread", "arousal_spread")
    assert _values(rows[A], *names) == (0.4, 0.5, 2, float(np.std([0.2, 0.6], ddof=1)), 0)
    assert _values(rows[B], *names) == (-1, 0, 1, None, None)
    assert rows[A]["va_origin"] == "people"
    assert rows[C]["va_origin"] is None
    assert validate(workspace).ok


def test_all_answers_are_in_a_table_and_the_settings_are_written_down(workspace: Workspace) -> None:
    _write(workspace, {"anna": [_rate(A, 0.2)], "ben": _trace([0.5] * 31)})
    summary = publish(workspace, method="median", lag_s=0.4, raters=["anna"])
    table = pq.read_table(workspace.ratings)
    with RatingLog(workspace.ratings_log) as log:
        assert table.equals(current_annotations(log, workspace))
    assert table.schema.equals(CURRENT_SCHEMA)
    assert summary.answers == len(table) == 32
    settings = workspace.settings()["publication"]
    assert (settings["method"], settings["lag_s"], settings["raters"]) == ("median", 0.4, ["anna"])


def test_a_second_publication_changes_no_byte(workspace: Workspace) -> None:
    _write(workspace, {"anna": [_rate(A, 0.2), _name(A, "fear"), *_trace([0.5] * 31)], "ben": [_rate(A, 0.6)]})
    publish(workspace)
    files = [workspace.manifest, workspace.ratings, workspace.settings_path]
    before = [path.read_bytes() for path in files]
    assert publish(workspace).changed == 0
    assert [path.read_bytes() for path in files] == before


def test_what_was_taken_back_is_withdrawn(workspace: Workspace) -> None:
    act, named = _rate(A, 0.2), _name(A, "fear")
    _write(workspace, {"anna": [act, named, _rate(B, 0.1)]})
    publish(workspace)
    assert faces_of(workspace)[A]["emotion"] == "fear"
    _write(workspace, {"anna": [event("undo", 5, target=one.id) for one in (act, named)]})
    assert publish(workspace).withdrawn == 2
    row = faces_of(workspace)[A]
    assert {row[name] for name in ("valence", "va_origin", "va_raters", "emotion", "emotion_origin")} == {None}
    assert validate(workspace).ok


def test_traces_are_read_late_by_the_lag_and_only_for_a_face_that_is_alone(workspace: Workspace) -> None:
    _write(workspace, {"anna": _trace([frame / 100 for frame in range(31)])})
    summary = publish(workspace, lag_s=0.2)
    rows = faces_of(workspace)
    assert [_values(rows[name], "valence") for name in (A, B, C)] == [(0.05,), (0.15,), (0.25,)]
    assert (summary.rated, summary.from_traces, summary.shared_frames) == (3, 3, 0)
    # Five frames after frame 30 there is no sample; without a lag there is one, but two faces are in that frame.
    assert publish(workspace).shared_frames == 2
    assert _values(faces_of(workspace)[A], "valence") == (0,)


def test_a_click_goes_before_the_same_raters_trace(workspace: Workspace) -> None:
    _write(workspace, {"anna": [_rate(A, -0.5), *_trace([0.5] * 31)], "ben": _trace([0.1] * 31)})
    publish(workspace)
    rows = faces_of(workspace)
    assert _values(rows[A], "valence", "va_raters") == (-0.2, 2)
    assert _values(rows[B], "valence", "va_raters") == (0.3, 2)


def test_one_axis_alone_is_counted_and_not_written(workspace: Workspace) -> None:
    _write(workspace, {"anna": _trace([0.5] * 21, "valence", range(21))})
    summary = publish(workspace)
    assert (summary.half, summary.rated, summary.changed) == (3, 0, 0)


def test_priors_give_way_and_labels_of_others_stay_unless_overwritten(workspace: Workspace) -> None:
    fill_prior(workspace)
    table = workspace.root / "labels.csv"
    table.write_text(f"face_id,valence,arousal\n{C},0.9,0.9\n")
    import_labels(workspace, table)
    acts = [_rate(B, 0.1), _rate(C, 0.2), _name(B, "fear")]
    _write(workspace, {"anna": acts, "ben": [_rate(C, 0.4), _name(B, "fear")]})
    summary = publish(workspace)
    assert (summary.rated, summary.kept_va, summary.named, summary.kept_emotions) == (1, 1, 0, 1)
    rows = faces_of(workspace)
    assert _values(rows[B], "valence") == (0.1,)
    assert (rows[B]["emotion"], rows[B]["va_origin"]) == ("sadness", "people")
    assert rows[C]["va_origin"] == "import:labels.csv"
    assert publish(workspace, overwrite=True).kept_va == 0
    rows = faces_of(workspace)
    assert _values(rows[C], "valence", "va_raters") == (0.3, 2)
    assert (rows[B]["emotion"], rows[B]["emotion_origin"]) == ("fear", "people")
    # A table that is imported later takes the raters' spread away with their values.
    import_labels(workspace, table)
    assert _values(faces_of(workspace)[C], "valence", "va_raters", "valence_spread") == (0.9, None, None)
    assert validate(workspace).ok


def test_a_prior_goes_with_the_emotion_it_came_from(workspace: Workspace) -> None:
    fill_prior(workspace)
    _write(workspace, {"anna": [_name(B, "fear")]})
    assert publish(workspace, overwrite=True).priors_dropped == 1
    assert faces_of(workspace)[B]["valence"] is None
    assert validate(workspace).ok


def test_emotions_go_by_majority_and_ties_are_null(workspace: Workspace) -> None:
    votes = {"anna": ("fear", "fear"), "ben": ("fear", "anger"), "cleo": ("anger", None)}
    _write(
        workspace,
        {
            rater: [_name(name, one) for name, one in zip((A, C), pair, strict=True) if one]
            for rater, pair in votes.items()
        },
    )
    summary = publish(workspace)
    assert (summary.named, summary.ties) == (1, 1)
    rows = faces_of(workspace)
    assert (rows[A]["emotion"], rows[A]["emotion_origin"], rows[C]["emotion"]) == ("fear", "people", None)


def test_weights_are_used_told_and_written_down(workspace: Workspace, fertools: Run) -> None:
    said = {"anna": (0.1, 0.5, 0.9), "ben": (0.2, 0.4, 0.8), "cleo": (0.8, 0.4, 0.1), "dora": (0.1, 0.4, 0.6)}
    acts = {
        rater: [_rate(name, value, value) for name, value in zip((A, B, C), values, strict=True)]
        for rater, values in said.items()
    }
    _write(workspace, acts)
    ended = fertools("annotate", "publish", "-w", workspace.root, "--method", "ewe", "--json")
    assert ended.code == 0, ended.err
    weights = json.loads(ended.out)["weights"]["valence"]
    assert weights["cleo"] == 0
    assert workspace.settings()["publication"]["weights"]["valence"] == weights
    row = faces_of(workspace)[A]
    expected = sum(weights[rater] * values[0] for rater, values in said.items()) / sum(weights.values())
    assert _values(row, "valence", "va_raters") == (expected, 3)


def test_the_command_says_what_it_did_and_what_stayed(workspace: Workspace, fertools: Run) -> None:
    _write(workspace, {"anna": [_rate(A, 0.2), _name(B, "fear")]})
    ended = fertools("annotate", "publish", "-w", workspace.root, "--lag", 0.3)
    assert ended.code == 0, ended.err
    assert "rated          1" in ended.out
    assert "--overwrite" in ended.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lag_s": -0.1}, "`lag_s` -0.1"),
        ({"lag_s": float("nan")}, "`lag_s` nan"),
        ({"raters": ["eve"]}, "no answer by a rater 'eve'"),
        ({"method": "mode"}, "methods are mean, median, ewe"),
        ({"method": "ewe"}, "two raters or more"),
    ],
)
def test_what_cannot_be_published_is_refused_and_changes_nothing(
    workspace: Workspace, options: dict[str, Any], words: str
) -> None:
    _write(workspace, {"anna": [_rate(A, 0.2)]})
    before = workspace.manifest.read_bytes()
    with pytest.raises(InputError, match=words):
        publish(workspace, **options)
    assert workspace.manifest.read_bytes() == before
    assert not workspace.ratings.exists()
    assert not workspace.settings_path.exists()


def test_without_answers_there_is_nothing_to_publish(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="rate faces first"):
        publish(workspace)
    RatingLog(workspace.ratings_log).close()
    with pytest.raises(InputError, match="nobody has answered"):
        publish(workspace)
