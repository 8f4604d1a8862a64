from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from fertools.annotations.app.site import CODE_HEADER, LOG_HEADER
from fertools.annotations.log import RatingLog
from fertools.annotations.queue_plan import Plan
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.annotations.rating_events import face_id, piece, rating_workspace, raw

Open = Callable[..., TestClient]


def _join(client: TestClient, rater: str = "anna") -> dict[str, Any]:
    answer = client.post("/api/join", json={"rater": rater})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _send(client: TestClient, *events: object, rater: str = "anna") -> dict[str, Any]:
    answer = client.post("/api/events", json={"rater": rater, "events": list(events)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _next(client: TestClient, rater: str = "anna", after: int = -1) -> dict[str, Any]:
    return dict(client.get("/api/next", params={"rater": rater, "after": after}).json())


def _rate(face: str, valence: float = 0.5, **body: Any) -> dict[str, Any]:
    return raw("rate", faces=[face], valence=valence, arousal=0.0, **body)


@pytest.mark.parametrize("path", ["/", "/faces", "/faces/main/abc", "/videos", "/videos/abc", "/agreement"])
def test_every_link_opens_the_page(open_page: Open, workspace: Workspace, path: str) -> None:
    answer = open_page(workspace).get(path)
    assert answer.status_code == 200
    assert "<title>Rating" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_page_loads_nothing_from_elsewhere(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    static = Path(__file__).parents[3] / "fertools" / "annotations" / "app" / "static"
    for path in static.rglob("*"):
        if path.is_file():
            answer = client.get(f"/static/{path.relative_to(static).as_posix()}")
            assert answer.content == path.read_bytes()
            assert "//" not in answer.text.replace("http://www.w3.org/", "").replace("// ", "").replace("//\n", ""), (
                path
            )


def test_settings_say_what_is_asked_and_where_points_come_from(open_page: Open, workspace: Workspace) -> None:
    settings = open_page(workspace, tasks=("va",)).get("/api/settings").json()
    assert settings["tasks"] == ["va"]
    assert settings["emotions"][:2] == ["anger", "disgust"]
    assert settings["points"]["fear"]["source"]
    assert (settings["faces"], settings["videos"]) == (40, 1)


def test_a_rating_is_saved_and_the_next_face_comes(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, tasks=("va",))
    assert _join(client)["counts"]["total"] == 40
    first = _next(client)["item"]
    assert (first["place"], first["done"], first["events"]) == (0, False, [])
    act = _rate(first["face"])
    answer = _send(client, act)
    assert answer["saved"] == [act["id"]]
    assert answer["counts"]["done"] == 1
    assert _next(client)["item"]["place"] == 1
    (kept,) = client.get("/api/item", params={"rater": "anna", "face": first["face"]}).json()["events"]
    assert (kept["id"], kept["valence"], kept["active"]) == (act["id"], 0.5, True)
    with RatingLog(workspace.ratings_log) as log:
        assert [logged.event.kind for logged in log.events(rater="anna")] == ["rate", "join"]


def test_sending_again_counts_once(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    _join(client)
    act = _rate(face_id(0))
    assert _send(client, act)["counts"] == _send(client, act, act)["counts"]
    with RatingLog(workspace.ratings_log) as log:
        assert len(list(log.events(kinds=("rate",)))) == 1


def test_one_wrong_event_does_not_hold_up_the_others(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    _join(client)
    good, far, unknown = _rate(face_id(0)), _rate(face_id(1), 7), _rate("nobody")
    answer = _send(client, good, far, "nonsense", unknown)
    assert answer["saved"] == [good["id"]]
    assert "valence 7" in answer["refused"][far["id"]]
    assert "no face 'nobody'" in answer["refused"][unknown["id"]]
    assert len(answer["refused"]) == 3


@pytest.mark.parametrize(("tasks", "acts_needed"), [(("va",), 1), (("emotion",), 1), (("va", "emotion"), 2)])
def test_an_item_is_done_when_all_that_is_asked_is_answered(
    open_page: Open, workspace: Workspace, tasks: tuple[str, ...], acts_needed: int
) -> None:
    client = open_page(workspace, tasks=tasks)
    _join(client)
    face = _next(client)["item"]["face"]
    acts = [_rate(face)] if "va" in tasks else []
    acts += [raw("emotion", faces=[face], emotion="fear")] if "emotion" in tasks else []
    counts = [_send(client, act)["counts"]["done"] for act in acts]
    assert counts == [0] * (acts_needed - 1) + [1]


@pytest.mark.parametrize(("flag", "done"), [("unsure", 1), ("no_face", 1), ("bad_crop", 1), ("note", 0)])
def test_a_pass_answers_and_a_note_does_not(open_page: Open, workspace: Workspace, flag: str, done: int) -> None:
    client = open_page(workspace)
    _join(client)
    face = _next(client)["item"]["face"]
    on = raw("flag", faces=[face], flag=flag, on=True, note="words")
    assert _send(client, on)["counts"]["done"] == done
    assert _send(client, raw("flag", faces=[face], flag=flag, on=False))["counts"]["done"] == 0


def test_undo_opens_the_item_again_and_survives_a_restart(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, tasks=("va",))
    _join(client)
    first, second = _rate(face_id(0)), _rate(face_id(1))
    assert _send(client, first, second)["counts"]["done"] == 2
    assert _send(client, raw("undo", target=second["id"]))["counts"]["done"] == 1
    again = open_page(workspace, tasks=("va",))
    assert _join(again)["counts"]["done"] == 1
    history = again.get("/api/history", params={"rater": "anna"}).json()
    assert [act["id"] for act in history["undo"]] == [first["id"]]
    assert [act["id"] for act in history["redo"]] == [second["id"]]
    assert history["redo"][0]["items"] == [f"face:main:{face_id(1)}"]
    assert _send(again, raw("redo", target=second["id"]))["counts"]["done"] == 2


def test_history_has_no_end(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    _join(client)
    acts = [_rate(face_id(n % 40), at_ms=n) for n in range(450)]
    _send(client, *acts)
    found: list[str] = []
    while True:
        page = client.get("/api/history", params={"rater": "anna", "skip": len(found)}).json()
        found = [act["id"] for act in page["undo"]] + found
        if not page["more"]:
            break
    assert found == [act["id"] for act in acts]


def test_raters_do_not_see_or_touch_one_another(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, tasks=("va",))
    _join(client, "anna")
    _join(client, "ben")
    act = _rate(face_id(3))
    _send(client, act, rater="anna")
    assert client.get("/api/item", params={"rater": "ben", "face": face_id(3)}).json()["events"] == []
    assert _send(client, raw("undo", target=act["id"]), rater="ben")["counts"]["done"] == 0
    assert _join(client, "anna")["counts"]["done"] == 1
    assert client.get("/api/history", params={"rater": "ben"}).json()["undo"] == []


@pytest.mark.parametrize("name", ["anna b", "", "../x", None])
def test_names_that_cannot_be(open_page: Open, workspace: Workspace, name: object) -> None:
    answer = open_page(workspace).post("/api/join", json={"rater": name})
    assert answer.status_code == 400
    assert "cannot name a rater" in answer.json()["error"]


def test_who_has_not_come_or_is_not_invited_is_refused(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, raters=("anna",))
    assert "no rater 'anna'" in client.get("/api/queue", params={"rater": "anna"}).json()["error"]
    assert "no rater 'eve'" in client.post("/api/events", json={"rater": "eve", "events": []}).json()["error"]
    assert "not among the raters" in client.post("/api/join", json={"rater": "eve"}).json()["error"]
    _join(client, "anna")


def test_shares_go_to_raters_and_a_newcomer_gets_a_share(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, plan=Plan(overlap=0.0, calibration=0))
    assert _join(client, "anna")["counts"]["total"] == 40
    ben = _join(client, "ben")["counts"]["total"]
    assert 0 < ben < 40
    assert _join(client, "anna")["counts"]["total"] == 40 - ben


def test_calibration_comes_first_and_tells_only_after_the_answer(open_page: Open, tmp_path: Path) -> None:
    workspace = rating_workspace(tmp_path, rated=True)
    client = open_page(workspace, tasks=("va",), plan=Plan(calibration=4))
    counts = _join(client)["counts"]
    assert (counts["total"], counts["calibration"]) == (44, 4)
    item = _next(client)["item"]
    assert item["part"] == "calibration"
    asked = {"rater": "anna", "face": item["face"]}
    assert client.get("/api/reference", params=asked).json() == {"reference": None, "answered": False}
    _send(client, _rate(item["face"], part="calibration"))
    reference = client.get("/api/reference", params=asked).json()["reference"]
    assert reference == {"origin": "people", "valence": 0.5, "arousal": -0.5, "emotion": None}
    other = _next(client, after=3)["item"]
    assert other["part"] == "main"
    answer = client.get("/api/reference", params={"rater": "anna", "face": other["face"]})
    assert "no face of the calibration set" in answer.json()["error"]


def test_the_label_of_a_face_is_told_only_where_warnings_are_asked_for(open_page: Open, workspace: Workspace) -> None:
    for settings, radius, told in (
        ({"tasks": ("va",)}, None, False),
        ({"tasks": ("va",), "warnings": True}, 0.8, True),
        ({"tasks": ("va", "emotion")}, 0.8, False),
        ({"tasks": ("va", "emotion"), "warnings": False}, None, False),
    ):
        client = open_page(workspace, **settings)
        _join(client)
        items = client.get("/api/queue", params={"rater": "anna", "start": 0, "count": 40}).json()["items"]
        assert any(item["usual"] for item in items) is told
        assert client.get("/api/settings").json()["usual_radius"] == radius


def test_premarks_are_drawn_but_for_a_share_and_never_in_calibration(open_page: Open, tmp_path: Path) -> None:
    workspace = rating_workspace(tmp_path, rated=True)
    client = open_page(workspace, tasks=("va",), suggestions="prior", plan=Plan(calibration=4, hidden=0.5))
    _join(client)
    items = client.get("/api/queue", params={"rater": "anna", "start": 0, "count": 44}).json()["items"]
    assert [item["suggestion"] for item in items[:4]] == [None] * 4
    main = [item for item in items if item["part"] == "main"]
    assert all(item["suggestion"]["origin"] == "prior" for item in main)
    assert 0 < sum(item["hidden"] for item in main) < len(main)


def test_what_the_server_was_told_is_in_the_log_once(open_page: Open, workspace: Workspace, tmp_path: Path) -> None:
    table = tmp_path / "gold.csv"
    table.write_text(f"face_id,valence,arousal,emotion\n{face_id(3)},0.5,0,fear\n{face_id(4)},0,0,anger\n")
    for seed in (3, 3, 4):
        open_page(workspace, plan=Plan(seed=seed), calibration=table)
    with RatingLog(workspace.ratings_log) as log:
        plans = [logged.event.body for logged in log.events(kinds=("plan",))]
    assert [plan["seed"] for plan in plans] == [3, 4]
    assert plans[0]["calibration"] == [face_id(3), face_id(4)]


def test_a_link_to_a_face_of_another_rater_still_opens(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, plan=Plan(overlap=0.0, calibration=0))
    _join(client, "anna")
    _join(client, "ben")
    places = [
        client.get("/api/item", params={"rater": rater, "face": face_id(0)}).json()["place"]
        for rater in ("anna", "ben")
    ]
    assert sorted(places, key=str)[1] is None
    for query, words in (
        ({"face": "nobody"}, "no face 'nobody'"),
        ({"face": face_id(0), "part": "end"}, "no part 'end'"),
    ):
        assert words in client.get("/api/item", params={"rater": "anna", **query}).json()["error"]


def test_faces_and_runs(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    picture = client.get(f"/face/{face_id(0)}")
    row = next(row for row in store.read_faces(workspace).to_pylist() if row["face_id"] == face_id(0))
    assert picture.content == (workspace.root / row["path"]).read_bytes()
    assert picture.headers["content-type"] == "image/png"
    assert client.get("/face/nobody").status_code == 404
    assert set(client.get("/api/run", params={"face": face_id(12)}).json()["faces"]) == {
        face_id(n) for n in range(10, 20)
    }
    (workspace.root / row["path"]).unlink()
    assert "ingest again" in client.get(f"/face/{face_id(0)}").json()["error"]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"rater": "anna", "events": 3}'])
def test_requests_that_are_no_requests(open_page: Open, workspace: Workspace, content: bytes) -> None:
    client = open_page(workspace)
    _join(client)
    answer = client.post("/api/events", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


_BAD = {
    "a list as its kind": '{"id": "event-0001", "kind": ["rate"], "tab": "t", "at_ms": 0}',
    "half a character": r'{"id": "\ud800", "kind": "\ud800", "tab": "\ud800", "at_ms": 0}',
    "half a character in the tab": r'{"id": "event-0001", "kind": "join", "tab": "\ud800", "at_ms": 0}',
    "half a character in a note": r'{"id": "event-0001", "kind": "flag", "tab": "t", "at_ms": 0, "faces": ["FACE"], '
    r'"flag": "note", "on": true, "note": "\udfff"}',
    "a number too large": '{"id": "event-0001", "kind": "take", "tab": "t", "at_ms": 0, "source": "SOURCE", '
    '"axis": "both", "speed": ' + "9" * 400 + "}",
    "a number of 5,000 digits": '{"id": "event-0001", "kind": "join", "tab": "t", "at_ms": ' + "9" * 5000 + "}",
    "no number": '{"id": "event-0001", "kind": "rate", "tab": "t", "at_ms": 0, "valence": NaN, "arousal": Infinity}',
    "a list for an object": '{"id": "event-0001", "kind": "shown", "tab": "t", "at_ms": 0, "faces": ["FACE"], '
    '"suggestion": [], "hidden": false}',
    "nothing": "null",
    "a list": '[["id"]]',
    "an object as its id": '{"id": {}, "kind": "join", "tab": "t", "at_ms": 0}',
}


@pytest.mark.parametrize("bad", _BAD.values(), ids=_BAD)
def test_a_bad_answer_does_not_take_its_batch_along(open_page: Open, workspace: Workspace, bad: str) -> None:
    client = open_page(workspace)
    _join(client)
    (video,) = client.get("/api/videos", params={"rater": "anna"}).json()["videos"]
    bad = bad.replace("FACE", face_id(2)).replace("SOURCE", video["source"])
    good = [_rate(face_id(0)), _rate(face_id(1))]
    content = f'{{"rater": "anna", "events": [{json.dumps(good[0])}, {bad}, {json.dumps(good[1])}]}}'
    answer = client.post("/api/events", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["saved"] == [act["id"] for act in good]
    assert len(answer.json()["refused"]) == 1


@pytest.mark.parametrize("rater", ["\ud800", ["anna"], {}, 3, None])
def test_raters_that_cannot_be(open_page: Open, workspace: Workspace, rater: object) -> None:
    client = open_page(workspace)
    for path, content in (("/api/join", {"rater": rater}), ("/api/events", {"rater": rater, "events": []})):
        answer = client.post(path, content=json.dumps(content), headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(("after", "status"), [("-5", 200), ("-1", 200), ("1000000", 200), ("x", 400), ("", 400)])
def test_any_place_may_be_asked_for(open_page: Open, workspace: Workspace, after: str, status: int) -> None:
    client = open_page(workspace)
    _join(client)
    assert client.get("/api/next", params={"rater": "anna", "after": after}).status_code == status


def test_what_is_for_another_log_is_refused(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    _join(client)
    content = {"rater": "anna", "events": [_rate(face_id(0))]}
    other = {LOG_HEADER: "0" * 32}
    assert client.get("/api/queue", params={"rater": "anna"}, headers=other).status_code == 409
    answer = client.post("/api/events", json=content, headers=other)
    assert (answer.status_code, "another workspace is served here" in answer.text) == (409, True)
    del client.headers[LOG_HEADER]
    answer = client.post("/api/events", json=content)
    assert (answer.status_code, "names no log" in answer.text) == (409, True)
    with RatingLog(workspace.ratings_log) as log:
        assert [logged.event.kind for logged in log.events(rater="anna")] == ["join"]


def test_with_a_token_each_rater_has_a_code(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, token="0123456789abcdef")
    client.get("/?token=0123456789abcdef")
    anna, ben = (client.post("/api/join", json={"rater": rater}).json() for rater in ("anna", "ben"))
    assert anna["code"] != ben["code"]
    content = {"rater": "anna", "events": [_rate(face_id(0))]}
    paths = ("queue", "next", "history", "videos", "agreement", f"item?face={face_id(0)}")
    for code, status in ((ben["code"], 403), ("", 403), ("\u00e9", 403), (anna["code"], 200)):
        headers = {CODE_HEADER.encode(): code.encode("latin-1")}
        assert client.post("/api/events", json=content, headers=headers).status_code == status
        for path in paths:
            found = client.get(f"/api/{path}{'&' if '?' in path else '?'}rater=anna", headers=headers)
            # Agreement needs the answers of two raters.
            assert found.status_code == (400 if status == 200 and path == "agreement" else status), path
    for wrong in (None, ben["code"]):
        assert client.post("/api/join", json={"rater": "anna", "code": wrong}).status_code == 403
    typed = anna["code"].replace("-", " ").upper()
    assert client.post("/api/join", json={"rater": "anna", "code": typed}).json()["code"] == anna["code"]


def test_who_is_let_in_by_name_needs_the_code_from_the_first_time(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, token="0123456789abcdef", raters=("anna",))
    client.get("/?token=0123456789abcdef")
    assert client.post("/api/join", json={"rater": "anna"}).status_code == 403


def test_agreement_can_be_hidden(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, agreement=False)
    _join(client)
    assert client.get("/api/settings").json()["agreement"] is False
    assert client.get("/api/agreement", params={"rater": "anna"}).status_code == 403


def test_a_request_that_is_too_large_is_refused(open_page: Open, workspace: Workspace) -> None:
    headers = {"content-type": "application/json"}
    assert open_page(workspace).post("/api/join", content=b" " * (9 << 20), headers=headers).status_code == 413


def test_a_full_disk_is_said_and_nothing_is_acknowledged(
    open_page: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fertools.core.errors import StorageError

    client = open_page(workspace)
    _join(client)

    def refuse(*arguments: object, **options: object) -> None:
        raise StorageError("cannot write ratings.sqlite: the disk is full")

    act = _rate(face_id(0))
    with monkeypatch.context() as patch:
        patch.setattr(RatingLog, "append_batches", refuse)
        answer = client.post("/api/events", json={"rater": "anna", "events": [act]})
    assert answer.status_code == 503
    assert "the disk is full" in answer.json()["error"]
    assert _send(client, act)["saved"] == [act["id"]]


def test_a_video_is_sent_in_ranges_with_its_frames_times(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    _join(client)
    (video,) = client.get("/api/videos", params={"rater": "anna"}).json()["videos"]
    assert (video["name"], video["frames"], video["covered"], video["done"]) == ("Video 1", 50, 0.0, False)
    info = client.get("/api/video", params={"rater": "anna", "source": video["source"]}).json()
    assert (info["state"], info["type"], len(info["times_s"])) == ("ready", "video/webm", 50)
    part = client.get(info["url"], headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == (workspace.root / "clip.webm").read_bytes()[100:200]
    assert client.get("/media/nothing").status_code == 400


def test_a_trace_shows_how_far_it_is(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    _join(client)
    source = client.get("/api/videos", params={"rater": "anna"}).json()["videos"][0]["source"]
    take = raw("take", source=source, axis="both", speed=1, from_s=0)
    frames = list(range(0, 48, 2))
    trace = raw("trace", 1, **piece(take["id"], frames, [0.5] * 24, [-0.5] * 24, source))
    _send(client, take, trace)
    (video,) = client.get("/api/videos", params={"rater": "anna"}).json()["videos"]
    assert (video["covered"], video["done"]) == (0.94, True)
    found = client.get("/api/video", params={"rater": "anna", "source": source}).json()["trace"]
    assert (found["frames"], set(found["valence"]), set(found["arousal"])) == (frames, {0.5}, {-0.5})
    _send(client, raw("undo", 2, target=take["id"]))
    assert client.get("/api/video", params={"rater": "anna", "source": source}).json()["trace"]["frames"] == []


def test_a_video_that_no_browser_plays_gets_a_copy(open_page: Open, tmp_path: Path) -> None:
    client = open_page(rating_workspace(tmp_path, videos={"clip.avi": "mpeg4"}))
    _join(client)
    source = client.get("/api/videos", params={"rater": "anna"}).json()["videos"][0]["source"]
    info: dict[str, Any] = {"state": "preparing"}
    while info["state"] == "preparing":
        info = client.get("/api/video", params={"rater": "anna", "source": source}).json()
    assert info["state"] == "ready", info
    assert info["url"].endswith("?copy=1")
    assert client.get(info["url"]).headers["content-type"] == info["type"]


def test_a_video_that_is_gone_says_so(open_page: Open, workspace: Workspace) -> None:
    (workspace.root / "clip.webm").unlink()
    client = open_page(workspace)
    _join(client)
    source = client.get("/api/videos", params={"rater": "anna"}).json()["videos"][0]["source"]
    info: dict[str, Any] = {"state": "preparing"}
    while info["state"] == "preparing":
        info = client.get("/api/video", params={"rater": "anna", "source": source}).json()
    assert info["state"] == "failed"
    assert "clip.webm" in info["error"]


def test_agreement_tells_numbers_and_not_what_others_said(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, tasks=("va",))
    _join(client, "anna")
    _join(client, "ben")
    alone = client.get("/api/agreement", params={"rater": "anna"})
    assert alone.status_code == 400
    assert "two raters" in alone.json()["error"]
    for rater, turn in (("anna", 1), ("ben", -1)):
        rates = [_rate(face_id(n), (n - 10) / 10 * (1 if n != 3 else turn)) for n in range(20)]
        _send(client, *rates, rater=rater)
    answer = client.get("/api/agreement", params={"rater": "anna"})
    found = answer.json()
    measures = {one["measure"] for one in found["estimates"]}
    assert {"ccc", "pcc", "icc_2_1", "alpha"} <= measures
    assert found["disagreements"][0]["face"] == face_id(3)
    assert "ratings" not in answer.text
    assert client.get("/api/agreement", params={"rater": "eve"}).status_code == 400


def _rated(table: pa.Table) -> pa.Table:
    place = table.column_names.index("valence")
    return table.set_column(
        place, FACES.arrow.field(place), pa.array([0.5] * len(table), FACES.arrow.field(place).type)
    )


def test_faces_that_were_ingested_since_are_noticed(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    before = _join(client)["counts"]
    assert before["current"] is True
    table = store.read_faces(workspace)
    store.write_table(workspace.manifest, FACES, _rated(table))
    assert _send(client, _rate(face_id(0)))["counts"]["current"] is True, "publishing changes no face"
    store.write_table(workspace.manifest, FACES, table.slice(1))
    counts = _send(client, _rate(face_id(1)))["counts"]
    assert (counts["current"], counts["catalogue"]) == (False, before["catalogue"])
    workspace.manifest.unlink()
    assert _send(client, _rate(face_id(2)))["counts"]["current"] is False
    store.write_table(workspace.manifest, FACES, table)
    assert _send(client, _rate(face_id(3)))["counts"]["current"] is True
    store.write_table(workspace.manifest, FACES, table.slice(1))
    again = _join(open_page(workspace))["counts"]
    assert again["current"] is True
    assert again["catalogue"] != before["catalogue"]
