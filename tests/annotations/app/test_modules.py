"""The page's modules by themselves: its folds against the server's, its recorder, its colours."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from fertools.annotations.app.site import STATIC
from fertools.annotations.events import Event
from fertools.annotations.log import RatingLog
from fertools.annotations.replay import TASKS, replay
from fertools.annotations.traces import replay_traces
from fertools.core.workspace import Workspace
from tests.annotations.rating_events import event, piece

FOLD = """async (cases) => {
  const { replay, isDone } = await import('/static/js/replay.js');
  return cases.map((acts) => {
    const { flags, ...answer } = replay(acts);
    return { ...answer, flags: [...flags].sort(), done: isDone({ ...answer, flags }, ['va', 'emotion']) };
  });
}"""
MERGE = """async (takes) => {
  const { mergeTake } = await import('/static/js/replay.js');
  return takes.reduce(mergeTake, { frames: [], valence: [], arousal: [] });
}"""
RECORD = """async ({ points, step_ms }) => {
  const { Recorder } = await import('/static/js/recorder.js');
  const events = [];
  const ledger = { do: (kind, body) => (events.push({ kind, ...body }), `event-${events.length}`) };
  const recorder = new Recorder(ledger, 's', 'both', 1);
  let still = 0;
  recorder.addEventListener('still', () => still++);
  points.forEach((point, i) => recorder.sample({ frame: i, media_s: i / 25, exact: true }, point, 1000 + i * step_ms));
  recorder.flush();
  return { events, still, frozen: recorder.frozen, trail: recorder.trail.length };
}"""
FRAMES = """async ([times_s, asked]) => {
  const { frameAt } = await import('/static/js/recorder.js');
  return asked.map((time_s) => frameAt(times_s, time_s));
}"""


@pytest.fixture
def page(browser: Browser, serve: Callable[..., str], workspace: Workspace) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{serve(workspace)}static/icon.svg")
    yield page
    page.close()


def _act(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(["rate", "emotion", "flag"])
    body: dict[str, Any] = {"valence": rng.choice([-1.0, 0.0, 0.5]), "arousal": rng.choice([-0.5, 1.0])}
    if kind == "emotion":
        body = {"emotion": rng.choice(["fear", "anger", None])}
    elif kind == "flag":
        body = {
            "flag": rng.choice(["unsure", "no_face", "bad_crop", "note"]),
            "on": rng.random() < 0.6,
            "note": "words",
        }
    return {"kind": kind, "active": rng.random() < 0.8, **body}


def test_the_page_folds_as_the_server_does(page: Page) -> None:
    rng = random.Random(0)
    cases = [[_act(rng) for _ in range(rng.randint(0, 8))] for _ in range(300)]
    for acts, found in zip(cases, page.evaluate(FOLD, cases), strict=True):
        events = [Event("e", act["kind"], "", 0, act) for act in acts if act["active"]]
        said = replay(events)
        assert (found["valence"], found["arousal"], found["emotion"]) == (said.valence, said.arousal, said.emotion)
        assert (found["flags"], found["note"]) == (sorted(said.flags), said.note)
        assert found["done"] == said.is_done(TASKS)


def test_the_page_lays_takes_over_one_another_as_the_server_does(page: Page, tmp_path: Path) -> None:
    rng = random.Random(1)
    takes, events = [], []
    for number in range(12):
        axis = rng.choice(["both", "valence", "arousal"])
        frames = sorted(rng.choices(range(40), k=rng.randint(1, 12)))
        valence = [None if axis == "arousal" else rng.choice([-0.5, 0.25, 1.0]) for _ in frames]
        arousal = [None if axis == "valence" else rng.choice([-1.0, 0.5]) for _ in frames]
        take = event("take", 10 * number, source="s", axis=axis)
        events += [take, event("trace", 10 * number + 1, **piece(take.id, frames, valence, arousal))]
        takes.append(
            {"axis": axis, "samples": [[f, 0, 0, v, a] for f, v, a in zip(frames, valence, arousal, strict=True)]}
        )
    with RatingLog(tmp_path / "log.sqlite") as log:
        log.append("anna", events)
        table = replay_traces(log, set())
    found = page.evaluate(MERGE, takes)
    assert found["frames"] == table["frame_index"].tolist()
    for axis in ("valence", "arousal"):
        said = [None if value != value else value for value in table[axis]]
        assert found[axis] == pytest.approx(said)


def test_a_pointer_that_rests_is_noticed_once_and_a_take_of_one_value_is_frozen(page: Page) -> None:
    resting = page.evaluate(RECORD, {"points": [[0.5, 0.5]] * 400, "step_ms": 16})
    assert (resting["still"], resting["frozen"]) == (1, True)
    assert resting["trail"] == pytest.approx(5000 / 16, abs=2)
    moving = page.evaluate(RECORD, {"points": [[n / 400, 0.5] for n in range(400)], "step_ms": 16})
    assert (moving["still"], moving["frozen"]) == (0, False)
    resting_twice = page.evaluate(RECORD, {"points": [[0.5, 0.5]] * 320 + [[0.6, 0.5]] * 320, "step_ms": 16})
    assert (resting_twice["still"], resting_twice["frozen"]) == (2, False)
    short = page.evaluate(RECORD, {"points": [[0.5, 0.5]] * 100, "step_ms": 16})
    assert (short["still"], short["frozen"]) == (0, False)


def test_nothing_is_recorded_off_the_plane_and_pieces_hold_all_in_order(page: Page) -> None:
    points = [None] * 5 + [[n / 200, -n / 200] for n in range(150)] + [None] * 5
    events = page.evaluate(RECORD, {"points": points, "step_ms": 16})["events"]
    assert [one["kind"] for one in events] == ["take", "trace", "trace", "trace"]
    assert [frame for one in events[1:] for frame in one["frames"]] == list(range(5, 155))
    assert events[1]["observed_ms"][:2] == [0, 16]
    assert {one["take"] for one in events[1:]} == {"event-1"}


def test_the_frame_is_the_one_whose_time_is_nearest(page: Page) -> None:
    times_s = [0.0, 0.04, 0.08, 0.5, 0.54]
    asked = [-1, 0, 0.019, 0.021, 0.04, 0.28, 0.3, 0.5, 9]
    assert page.evaluate(FRAMES, [times_s, asked]) == [0, 0, 0, 1, 1, 2, 3, 3, 4]


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_they_stand_on(scheme: int) -> None:
    """Ratios of the Web Content Accessibility Guidelines 2.2, 1.4.3 (words) and 1.4.11 (marks and edges)."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    colours = {
        name: pair[scheme] for name, *pair in re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    }
    words = [(ink, ground) for ink in ("ink", "muted") for ground in ("paper", "surface", "sunken")]
    words += [
        ("on-accent", "accent"),
        ("ink", "accent-soft"),
        ("warn", "warn-soft"),
        ("warn", "surface"),
        ("good", "surface"),
    ]
    words += [("suggestion", "surface"), ("accent", "surface")]
    marks = [("strong-line", "surface"), ("valence", "surface"), ("arousal", "surface"), ("accent", "paper")]
    for pairs, least in ((words, 4.5), (marks, 3.0)):
        for first, second in pairs:
            darker, lighter = sorted((_luminance(colours[first]), _luminance(colours[second])))
            assert (lighter + 0.05) / (darker + 0.05) >= least, (first, second)
