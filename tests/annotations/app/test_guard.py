from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from fertools.annotations.app.address import Address
from fertools.annotations.app.guard import COOKIE
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace

Open = Callable[..., TestClient]
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"host": "evil.example"}, "not called 'evil.example'"),
        ({"host": "evil.example:8350"}, "not called"),
        ({"host": "127.0.0.1:9999"}, "not called"),
        ({"origin": "http://evil.example"}, "requests from http://evil.example"),
        ({"origin": "null"}, "requests from null"),
        ({"sec-fetch-site": "cross-site"}, "other sites"),
        ({"sec-fetch-site": "same-site"}, "other sites"),
    ],
)
def test_other_sites_get_nothing(open_page: Open, workspace: Workspace, headers: dict[str, str], words: str) -> None:
    client = open_page(workspace)
    for answer in (
        client.get("/api/settings", headers=headers),
        client.post("/api/join", json={"rater": "anna"}, headers=headers),
    ):
        assert answer.status_code == 403
        assert words in answer.text
    assert client.get("/api/queue", params={"rater": "anna"}).status_code == 400


def test_a_link_elsewhere_may_open_the_page_and_no_more(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace)
    assert client.get("/faces", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    assert client.get("/static/js/app.js", headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}]
)
def test_a_form_of_another_site_cannot_rate(open_page: Open, workspace: Workspace, headers: dict[str, str]) -> None:
    client = open_page(workspace)
    assert client.post("/api/join", content=b'{"rater": "anna"}', headers=headers).status_code == 403
    del client.headers["x-fertools"]
    assert client.post("/api/join", json={"rater": "anna"}).status_code == 403


def test_the_token_is_asked_for_once_and_kept(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, token=TOKEN)
    for path in ("/", "/api/settings", "/static/js/app.js", "/?token=wrong-token"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert TOKEN not in answer.text
    answer = client.get(f"/faces?token={TOKEN}&rater=anna", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/faces?rater=anna")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.cookies[COOKIE] == TOKEN
    assert client.get("/api/settings").status_code == 200
    assert client.get("/api/settings", headers={"origin": "http://evil.example"}).status_code == 403


def test_cookies_of_other_servers_do_no_harm(open_page: Open, workspace: Workspace) -> None:
    client = open_page(workspace, token=TOKEN)
    for other in ("a@b=1", "=;=", 'x="', "\u00e9=1"):
        for cookies, status in ((f"{other}; {COOKIE}={TOKEN}", 200), (other, 401)):
            headers = {b"cookie": cookies.encode("latin-1")}
            assert client.get("/api/settings", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"host": "0.0.0.0"}, "give a `token`"),
        ({"host": "192.168.1.7"}, "give a `token`"),
        ({"token": "short"}, "8 or more"),
        ({"token": "with spaces in"}, "8 or more"),
        ({"port": 70000}, "`port` 70000"),
    ],
)
def test_places_that_would_let_anyone_in(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Address(**values)  # type: ignore[arg-type]


def test_places_that_are_fine() -> None:
    assert Address().host == "127.0.0.1"
    assert Address("localhost").token is None
    assert Address("0.0.0.0", token=TOKEN).token == TOKEN
