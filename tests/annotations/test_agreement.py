from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from fertools.annotations.agreement import Estimate, axis_estimates, emotion_estimates, measure_agreement
from fertools.annotations.current import current_annotations
from fertools.annotations.disagreement import FaceRating
from fertools.annotations.events import Event
from fertools.annotations.log import RatingLog
from fertools.annotations.matrix import MAX_GAP_S, Ratings, face_ratings, first_differences, trace_ratings
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.statistics.concordance import concordance, correlation
from fertools.statistics.rater_agreement import ICC_NAMES, alpha_interval, intraclass
from tests.annotations.rating_events import event, face_id, piece, rating_workspace
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools
from tests.manifests.rows import identify

Floats = npt.NDArray[np.float64]
RATERS = ("anna", "ben", "cleo")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return rating_workspace(tmp_path / "w", faces=40, videos={"a.webm": "libvpx", "b.webm": "libvpx"}, frames=30)


def _rate(number: int, valence: float, arousal: float = 0.0, at_ms: int = 1, **body: Any) -> Event:
    return event("rate", at_ms, faces=[face_id(number)], valence=valence, arousal=arousal, **body)


def _trace(source: str, frames: list[int], valence: list[float], at_ms: int = 1) -> list[Event]:
    take = event("take", at_ms, source=source, axis="both")
    return [take, event("trace", at_ms + 1, **piece(take.id, frames, valence, [0.0] * len(frames), source))]


def _write(workspace: Workspace, acts: dict[str, list[Event]]) -> None:
    with RatingLog(workspace.ratings_log) as log:
        for rater, events in acts.items():
            log.append(rater, events, received_ms=10**6)


def _ratings(values: Floats, videos: int, emotion: npt.NDArray[np.int64] | None = None) -> Ratings:
    count, raters = values.shape
    items = pd.DataFrame(
        {
            "face_id": [f"{number:032x}" for number in range(count)],
            "source_id": [f"{number * videos // count:04x}" for number in range(count)],
            "frame_index": np.arange(count),
            "pts_s": np.arange(count) / 25,
        }
    )
    named = np.full(values.shape, -1, np.int64) if emotion is None else emotion
    names = tuple(f"r{number}" for number in range(raters))
    return Ratings(names, items, {"valence": values, "arousal": -values}, named, ("anger", "fear", "sadness"))


def _noisy(seed: int = 0, items: int = 120, raters: int = 3, missing: float = 0.2) -> Floats:
    rng = np.random.default_rng(seed)
    values: Floats = rng.normal(size=(items, 1)) + rng.normal(size=(items, raters))
    values[rng.random(values.shape) < missing] = np.nan
    return values


def _average(values: Floats) -> float:
    return intraclass(values)["icc_2_k"]


def _by_key(estimates: list[Estimate]) -> dict[tuple[str, str, str], Estimate]:
    return {(one.axis, one.who, one.measure): one for one in estimates}


def test_estimates_are_those_of_the_plain_functions_on_the_same_values() -> None:
    values = _noisy()
    found = _by_key(axis_estimates("faces", _ratings(values, 8)))
    pairs = list(itertools.combinations(range(3), 2))
    for one, other in pairs:
        a, b = values[:, one], values[:, other]
        assert found["valence", f"r{one} & r{other}", "ccc"].value == pytest.approx(concordance(a, b))
        assert found["arousal", f"r{one} & r{other}", "pcc"].value == pytest.approx(correlation(a, b))
        assert found["valence", f"r{one} & r{other}", "ccc"].items == int((np.isfinite(a) & np.isfinite(b)).sum())
    means = np.mean([concordance(values[:, one], values[:, other]) for one, other in pairs])
    assert found["valence", "all", "ccc"].value == pytest.approx(means)
    assert found["valence", "all", "alpha"].value == pytest.approx(alpha_interval(values))
    for name in ICC_NAMES:
        assert found["valence", "all", name].value == pytest.approx(intraclass(values)[name])
        assert found["valence", "all", name].items == int(np.isfinite(values).all(axis=1).sum())
    others = pd.DataFrame(values[:, 1:]).mean(axis=1).to_numpy()
    assert found["valence", "r0", "ccc"].value == pytest.approx(concordance(values[:, 0], others))


def test_intervals_are_those_of_leaving_out_one_video_at_a_time() -> None:
    values, videos = _noisy(items=60), 6
    found = _by_key(axis_estimates("faces", _ratings(values, videos)))
    kept = [np.delete(values, np.s_[video * 10 : video * 10 + 10], axis=0) for video in range(videos)]
    for measure, function in (("alpha", alpha_interval), ("icc_2_k", _average)):
        scaled = [-np.log(1 - function(part)) for part in kept]
        reach = stats.t.ppf(0.975, videos - 1) * np.std(scaled) * (videos - 1) ** 0.5
        middle = -np.log(1 - function(values))
        estimate = found["valence", "all", measure]
        assert (estimate.low, estimate.high) == pytest.approx(
            (1 - np.exp(reach - middle), 1 - np.exp(-reach - middle)), abs=1e-9
        )
    pair = [np.arctanh(concordance(part[:, 0], part[:, 1])) for part in kept]
    reach = stats.t.ppf(0.975, videos - 1) * np.std(pair) * (videos - 1) ** 0.5
    low = np.tanh(np.arctanh(concordance(values[:, 0], values[:, 1])) - reach)
    assert found["valence", "r0 & r1", "ccc"].low == pytest.approx(low)


def test_emotions_agree_by_nominal_alpha_and_by_share() -> None:
    codes = np.random.default_rng(0).integers(-1, 3, (50, 3))
    found = _by_key(emotion_estimates(_ratings(np.full((50, 3), np.nan), 5, codes)))
    data = np.where(codes < 0, np.nan, codes).T
    assert found["emotion", "all", "alpha"].value == pytest.approx(
        krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    )
    both = codes[(codes[:, 0] >= 0) & (codes[:, 2] >= 0)]
    pair = found["emotion", "r0 & r2", "same"]
    assert pair.value == pytest.approx((both[:, 0] == both[:, 2]).mean())
    assert pair.items == len(both)
    assert pair.low is not None
    assert pair.high is not None
    assert pair.low < (pair.value or 0) < pair.high


def test_faces_count_once_by_main_or_calibration_and_never_by_repeat(workspace: Workspace) -> None:
    acts = [_rate(0, 0.1, part="calibration"), _rate(0, 0.9, part="repeat"), _rate(1, 0.2)]
    acts += [_rate(2, 0.3, part="calibration"), _rate(2, 0.4)]
    _write(workspace, {"anna": acts, "ben": [event("emotion", 1, faces=[face_id(3)], emotion="fear")]})
    with RatingLog(workspace.ratings_log) as log:
        ratings = face_ratings(current_annotations(log, workspace), ("anna", "ben"))
    names = {identify(f"face {number}"): number for number in range(40)}
    rows = {names[name]: row for row, name in enumerate(ratings.items["face_id"])}
    assert set(rows) == {0, 1, 2, 3}
    assert [ratings.by_axis["valence"][rows[number], 0] for number in range(3)] == [0.1, 0.2, 0.4]
    assert np.isnan(ratings.by_axis["valence"][:, 1]).all()
    assert ratings.labels == ("fear",)
    assert ratings.emotion[rows[3]].tolist() == [-1, 0]


def test_traces_are_read_between_their_samples_but_not_across_gaps_or_beyond_their_ends(workspace: Workspace) -> None:
    source = identify("a.webm")
    _write(
        workspace,
        {
            "anna": _trace(source, [0, 2, 4, 32], [0.0, 0.2, 0.4, 0.6]),
            "ben": _trace(source, [1, 3, 5, 10, 33], [0.0] * 5),
        },
    )
    with RatingLog(workspace.ratings_log) as log:
        table = current_annotations(log, workspace)
    ratings = trace_ratings(table, ("anna", "ben"))
    frames = ratings.items["frame_index"].tolist()
    assert frames == [0, 1, 2, 3, 4, 5, 10, 32, 33]
    expected = [0, 0.1, 0.2, 0.3, 0.4, np.nan, np.nan, 0.6, np.nan]
    assert MAX_GAP_S < 28 / 25
    np.testing.assert_allclose(ratings.by_axis["valence"][:, 0], expected)
    late = trace_ratings(table, ("anna", "ben"), lag_s=1 / 25)
    np.testing.assert_allclose(late.by_axis["valence"][:4, 0], [0.1, 0.2, 0.3, 0.4])
    changes = first_differences(ratings)
    np.testing.assert_allclose(changes.by_axis["valence"][:4, 0], [0.1] * 4)


def _everything(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    acts: dict[str, list[Event]] = {}
    for number, rater in enumerate(RATERS):
        events = [
            event(
                "shown",
                0,
                faces=[face_id(face)],
                suggestion={"valence": 0.0, "arousal": 0.0, "origin": "prior"},
                hidden=face % 2 == 0,
            )
            for face in range(20)
        ]
        for face in range(20):
            # Drawn to the suggestion where it is shown.
            size = 0.8 if face % 2 == 0 else 0.3
            value = size * (1 if face % 4 < 2 else -1) + 0.02 * float(rng.normal())
            part = "calibration" if face < 4 else "main"
            events.append(_rate(face, value, part=part))
            events.append(event("emotion", 2, faces=[face_id(face)], emotion=["fear", "anger"][face % 2], part=part))
            if face < 4:
                events.append(_rate(face, value + 0.1, part="repeat", at_ms=5))
        if number == 2:
            events.append(_rate(7, 0.9, at_ms=9))
        for name in ("a.webm", "b.webm"):
            frames = list(range(number % 2, 30, 2))
            events += _trace(identify(name), frames, [0.5 * float(np.sin(frame / 5)) for frame in frames])
        acts[rater] = events
    _write(workspace, acts)


def test_the_report_has_everything(workspace: Workspace) -> None:
    _everything(workspace)
    found = measure_agreement(workspace, disagreements=3)
    assert found.raters == RATERS
    assert found.videos == {"faces": 2, "traces": 2, "trace differences": 2, "emotion": 2}
    by_key = {(one.about, one.axis, one.who, one.measure): one for one in found.estimates}
    assert (by_key["traces", "valence", "all", "ccc"].value or 0) > 0.99
    assert by_key["emotion", "emotion", "all", "alpha"].value == 1
    assert by_key["faces", "arousal", "all", "pcc"].value is None
    assert found.disagreements[0].face_id == face_id(7)
    assert found.disagreements[0].source == "b.webm"
    assert found.disagreements[0].ratings["cleo"] == FaceRating(valence=0.9, arousal=0.0, emotion="anger")
    assert [one.about for one in found.disagreements] == ["faces"] * 3 + ["traces"] * 2
    again = found.consistency[0]
    assert (again.rater, again.faces) == ("anna", 4)
    assert again.valence.mean_difference == pytest.approx(0.1)
    assert again.valence.pcc == pytest.approx(1)
    anchoring = found.anchoring[0]
    assert (anchoring.rater, anchoring.shown, anchoring.hidden) == ("all", 24, 24)
    assert anchoring.pull == pytest.approx(0.5, abs=0.05)
    assert anchoring.low is not None
    assert anchoring.low > 0.4
    assert measure_agreement(workspace, disagreements=3) == found
    assert measure_agreement(workspace, raters=["ben", "anna"]).raters == ("anna", "ben")


def test_the_command_prints_tables_json_and_csv(workspace: Workspace, fertools: Run, tmp_path: Path) -> None:
    _everything(workspace)
    ended = fertools("annotate", "agreement", "-w", workspace.root, "--csv", tmp_path / "a.csv")
    assert ended.code == 0, ended.err
    for word in ("ICC(2,k)", "anna & cleo", "Where raters differ most", "a.webm, frame", "answered again", "pull"):
        assert word in ended.out
    ended = fertools("annotate", "agreement", "-w", workspace.root, "--json")
    estimates = json.loads(ended.out)["estimates"]
    with (tmp_path / "a.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(estimates)
    assert float(rows[0]["value"]) == estimates[0]["value"]


def test_too_little_is_said_in_a_sentence(workspace: Workspace, fertools: Run) -> None:
    def refused(*arguments: object) -> str:
        ended = fertools("annotate", "agreement", "-w", workspace.root, *arguments)
        assert ended.code == 2
        return ended.err

    assert "rate faces first" in refused()
    _write(workspace, {"anna": [_rate(0, 0.1)]})
    assert "only anna has answered" in refused()
    _write(workspace, {"ben": [_rate(1, 0.1)]})
    assert "no face and no frame was answered by two of anna, ben" in refused()
    assert "no answer by a rater 'eve'; answers are by anna, ben" in refused("--rater", "eve")
    with pytest.raises(InputError, match="`disagreements` is -1; give 0 or more"):
        measure_agreement(workspace, disagreements=-1)


def test_one_video_has_no_interval_and_the_report_says_so(tmp_path: Path) -> None:
    workspace = rating_workspace(tmp_path / "w", faces=10)
    _write(workspace, {rater: [_rate(face, face / 10) for face in range(8)] for rater in ("anna", "ben")})
    found = measure_agreement(workspace)
    assert {one.low for one in found.estimates} == {None}
    assert any("one video, and an interval needs 5 or more" in note for note in found.notes)
