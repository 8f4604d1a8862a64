"""Raters who post to a served page from threads, without a browser, as its page does: again until acknowledged."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from fertools.annotations.app.site import LOG_HEADER
from fertools.annotations.log import RatingLog
from tests.annotations.rating_events import face_id, raw

HEADERS = {"content-type": "application/json", "x-fertools": "page"}


def ask(address: str, method: str, path: str, content: object = None, **headers: str) -> tuple[int, str]:
    """Return status and text of one request over a connection of its own."""
    parts = urlsplit(address)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request(method, path, None if content is None else json.dumps(content), HEADERS | headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()


def post(address: str, path: str, content: object) -> dict[str, Any]:
    """Return what a request that is not refused answers; it names the log that is served there."""
    log = json.loads(ask(address, "GET", "/api/settings")[1])["log"]
    status, text = ask(address, "POST", path, content, **{LOG_HEADER: log})
    assert status == 200, text
    found: dict[str, Any] = json.loads(text)
    return found


class Writer(threading.Thread):
    """Sends acts one after the other, and each again until it is acknowledged.

    Args:
        name: of the rater.
        address: asked for the server's address before each request, since a server started again may have another.
        stop: set when no new act is to be sent.

    Attributes:
        sent: identifiers of all acts, in order.
        acknowledged: identifiers that the server said to have saved.
    """

    def __init__(self, name: str, address: Callable[[], str], stop: threading.Event) -> None:
        super().__init__(name=name)
        self._address, self._stop_asked = address, stop
        self.sent: list[str] = []
        self.acknowledged: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._stop_asked.is_set():
            acts = [raw("rate", faces=[face_id(number % 40)], valence=0.5, arousal=0.0) for _ in range(3)]
            for act in acts:
                act["id"] = f"{self.name}-{number:08d}"
                number += 1
            self.sent += [act["id"] for act in acts]
            self._deliver(acts)

    def _deliver(self, acts: list[dict[str, Any]]) -> None:
        while True:
            try:
                address = self._address()
                post(address, "/api/join", {"rater": self.name})
                answer = post(address, "/api/events", {"rater": self.name, "events": acts})
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.01)  # the server is dead, and another comes
                continue
            self.acknowledged += answer["saved"]
            return


def check_writers(log: RatingLog, writers: list[Writer]) -> None:
    """Hold the log to what was acknowledged: each such act is there, and each act is there once."""
    (verdict,) = log.connection.execute("PRAGMA integrity_check").fetchone()
    assert verdict == "ok"
    for writer in writers:
        kept = [logged.event.id for logged in log.events(rater=writer.name, kinds=("rate",))]
        assert set(writer.acknowledged) <= set(kept), "an acknowledged event is missing"
        assert len(kept) == len(set(kept)), "an event is there twice"
        assert set(kept) == set(writer.sent), "all were sent until they were acknowledged"
