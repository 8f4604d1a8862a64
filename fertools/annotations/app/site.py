"""The web application of the rating page: a Starlette application over a `RatingService`.

Every response contains only the ratings of the requesting rater. Requests name their log, because a browser may hold
events for another workspace that was served at the same address.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fertools.annotations.agreement import measure_agreement
from fertools.annotations.app.codes import Codes, Refusal
from fertools.annotations.app.guard import Guard
from fertools.annotations.app.history import read_history
from fertools.annotations.app.playback import COVERED, Videos
from fertools.annotations.app.service import RatingService
from fertools.annotations.events import check_rater
from fertools.annotations.identical import identical_run
from fertools.annotations.log import RatingLog
from fertools.annotations.playable import Playable
from fertools.annotations.surroundings import draw_surroundings
from fertools.core.errors import FertoolsError, InputError, StorageError

STATIC = Path(__file__).parent / "static"
PAGE = 24
"""Faces per page of the queue."""
DISAGREEMENTS = 20
"""Faces with the largest disagreement that the page lists."""
LOG_HEADER = "x-fertools-log"
"""Header with the identity of the log; a request for another log is refused with status 409."""
CODE_HEADER = "x-fertools-code"
"""Header with the code of the rater, if raters have codes."""
MOST_EVENTS = 1000
MOST_BYTES = 8 << 20
"""Maximum number of bytes in a request."""
PAGES = ("/", "/faces", "/faces/{part}/{face}", "/videos", "/videos/{source}", "/agreement")
"""Paths of the page itself; a link to one of them opens that view."""

Handler = Callable[[Request], Awaitable[Response]]


def make_site(service: RatingService, *, hosts: frozenset[str] | None, token: str | None = None) -> Starlette:
    """Return the web application.

    Args:
        service: the rating service; it is closed when the application ends.
        hosts: accepted values of the `Host` header; None accepts any and requires a token.
        token: the required token; None requires none. With a token, each rater also has a code.
    """
    site = _Site(service, Codes(service.log.secret) if token else None)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            site.close()

    routes = [
        *(Route(path, _open_page) for path in PAGES),
        Route("/api/settings", site.settings),
        *(Route(f"/api/{name}", site.about_this_log(ask)) for name, ask in site.questions.items()),
        *(Route(f"/api/{name}", site.about_this_log(ask), methods=["POST"]) for name, ask in site.changes.items()),
        Route("/face/{face}", site.face),
        Route("/surroundings/{face}", site.surroundings),
        Route("/media/{source}", site.media),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=hosts, token=token)],
        exception_handlers={FertoolsError: _refuse, HTTPException: _refuse_plainly},
        lifespan=lifespan,
    )


async def _open_page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


class _Answer(JSONResponse):
    """A JSON response in ASCII, because a request may contain a surrogate, which UTF-8 cannot encode."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


async def _refuse(request: Request, error: Exception) -> Response:
    # After a full disk (503) the page tries again; other errors are mistakes in the request.
    code = 503 if isinstance(error, StorageError) else 403 if isinstance(error, Refusal) else 400
    return _Answer({"error": str(error)}, code)


async def _refuse_plainly(request: Request, error: Exception) -> Response:
    code, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return _Answer({"error": detail}, code)


class _Site:
    """The request handlers of one service."""

    def __init__(self, service: RatingService, codes: Codes | None) -> None:
        self.service, self._codes = service, codes
        self.identity = service.log.identity
        self.questions: dict[str, Handler] = {
            "queue": self.queue,
            "next": self.next,
            "item": self.item,
            "run": self.run,
            "reference": self.reference,
            "history": self.history,
            "agreement": self.agreement,
            "videos": self.list_videos,
            "video": self.video,
        }
        self.changes: dict[str, Handler] = {"join": self.join, "events": self.record}
        # Slow requests run in threads with their own connection.
        self._log = RatingLog(service.workspace.ratings_log)
        self._comparing = asyncio.Lock()
        self.videos = Videos(service.catalogue, self._log, service.settings.plan.seed)

    def close(self) -> None:
        self.videos.close()
        self._log.close()
        self.service.close()

    def about_this_log(self, handler: Handler) -> Handler:
        """Return a handler that refuses requests for another log. A POST request must name its log."""

        async def checked(request: Request) -> Response:
            asked = request.headers.get(LOG_HEADER)
            if asked != self.identity and (asked is not None or request.method == "POST"):
                raise HTTPException(
                    409,
                    "another workspace is served here now"
                    if asked
                    else f"the request names no log; send the `log` of /api/settings in the header {LOG_HEADER}",
                )
            return await handler(request)

        return checked

    def _rater(self, request: Request, name: object = None) -> str:
        rater = self.service.rater(request.query_params.get("rater") if name is None else name)
        if self._codes is not None:
            self._codes.check(rater, request.headers.get(CODE_HEADER))
        return rater

    async def settings(self, request: Request) -> Response:
        return _Answer({**self.service.describe(), "covered": COVERED, "codes": self._codes is not None})

    async def join(self, request: Request) -> Response:
        content = await _read(request)
        name = check_rater(content.get("rater"))
        if self._codes is not None and self.service.is_known(name):
            self._codes.check(name, content.get("code"))
        rater = await self.service.join(name)
        code = None if self._codes is None else self._codes.of(rater)
        return _Answer({"rater": rater, "code": code, "counts": self.service.counts(rater)})

    async def record(self, request: Request) -> Response:
        content = await _read(request)
        rater = self._rater(request, content.get("rater", ""))
        events = content.get("events")
        if not isinstance(events, list) or len(events) > MOST_EVENTS:
            raise InputError(f"events must be a list of at most {MOST_EVENTS} events")
        receipt, refused = await self.service.record(rater, events)
        if any(event.kind in ("take", "trace", "undo", "redo") for event in receipt.added):
            self.videos.forget(rater)
        return _Answer({"saved": receipt.saved, "refused": refused, "counts": self.service.counts(rater)})

    async def queue(self, request: Request) -> Response:
        rater, start = self._rater(request), _number(request, "start")
        count = min(_number(request, "count", PAGE), 4 * PAGE)
        items = self.service.items(rater, range(start, start + count))
        return _Answer({"items": items, "counts": self.service.counts(rater)})

    async def next(self, request: Request) -> Response:
        rater = self._rater(request)
        place = self.service.next_place(rater, _number(request, "after", -1, least=-1))
        found = self.service.items(rater, range(place, place + 1)) if place is not None else [None]
        return _Answer({"item": found[0], "counts": self.service.counts(rater)})

    async def item(self, request: Request) -> Response:
        query = request.query_params
        return _Answer(self.service.item(self._rater(request), query.get("face"), query.get("part", "main")))

    async def run(self, request: Request) -> Response:
        catalogue, face_id = self.service.catalogue, request.query_params.get("face", "")
        if face_id not in catalogue.row_of:
            raise InputError(f"there is no face '{face_id}' to rate in this workspace")
        rows = await run_in_threadpool(identical_run, catalogue, catalogue.row_of[face_id])
        return _Answer({"faces": [catalogue.face_ids[row] for row in rows]})

    async def reference(self, request: Request) -> Response:
        rater, face_id = self._rater(request), request.query_params.get("face")
        found = self.service.reference(face_id)
        # The known rating is shown only after the rater's own, so that it does not influence it.
        given = self.service.item(rater, face_id, "calibration")["done"]
        return _Answer({"reference": asdict(found) if given else None, "answered": given})

    async def history(self, request: Request) -> Response:
        found = await run_in_threadpool(read_history, self._log, self._rater(request), _number(request, "skip"))
        return _Answer(found)

    async def agreement(self, request: Request) -> Response:
        self._rater(request)
        if not self.service.settings.agreement:
            raise Refusal("the owner of this page does not show the agreement to raters")
        # One at a time, because it needs a whole core while others are rating.
        async with self._comparing:
            found = await run_in_threadpool(measure_agreement, self.service.workspace, disagreements=DISAGREEMENTS)
        # Only numbers: the ratings of others stay hidden.
        disagreements = [
            {"face": one.face_id, "spread": one.spread}
            for one in found.disagreements
            if one.face_id in self.service.catalogue.row_of
        ]
        estimates = [asdict(one) for one in found.estimates]
        return _Answer(
            {"estimates": estimates, "videos": found.videos, "disagreements": disagreements, "notes": found.notes}
        )

    async def list_videos(self, request: Request) -> Response:
        return _Answer({"videos": await run_in_threadpool(self.videos.describe, self._rater(request))})

    async def video(self, request: Request) -> Response:
        rater, source_id = self._rater(request), self._source(request.query_params.get("source"))
        copy = request.query_params.get("copy") == "1"
        found = await run_in_threadpool(self.videos.playable, source_id, copy=copy)
        answer: dict[str, Any] = {"source": source_id, "trace": self.videos.trace(rater, source_id)}
        if isinstance(found, Playable):
            copied = found.path.is_relative_to(self.service.workspace.playable)
            url = f"/media/{source_id}" + ("?copy=1" if copied else "")
            answer |= {"state": "ready", "url": url, "type": found.media_type, "times_s": found.times_s}
        elif found == "preparing":
            answer |= {"state": "preparing", "share": self.videos.share_prepared(source_id)}
        else:
            answer |= {"state": "failed", "error": found}
        return _Answer(answer)

    async def face(self, request: Request) -> Response:
        row = self.service.catalogue.row_of.get(request.path_params["face"])
        if row is None:
            raise HTTPException(404, "there is no such face")
        path = self.service.workspace.root / str(self.service.catalogue.value("path", row))
        if not path.is_file():
            raise HTTPException(404, f"the crop {path} is missing; ingest again")
        return FileResponse(path, headers={"cache-control": "private, max-age=86400"})

    async def surroundings(self, request: Request) -> Response:
        face = request.path_params["face"]
        if face not in self.service.catalogue.row_of:
            raise HTTPException(404, "there is no such face")
        picture = await run_in_threadpool(draw_surroundings, self.service.workspace, face)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400"})

    async def media(self, request: Request) -> Response:
        source_id = self._source(request.path_params["source"])
        copy = request.query_params.get("copy") == "1"
        found = await run_in_threadpool(self.videos.playable, source_id, copy=copy)
        if not isinstance(found, Playable) or not found.path.is_file():
            raise HTTPException(404, found if isinstance(found, str) else f"the video {found.path} is missing")
        return FileResponse(found.path, media_type=found.media_type, headers={"cache-control": "no-cache"})

    def _source(self, source_id: str | None) -> str:
        if source_id is None or source_id not in self.service.catalogue.videos:
            raise InputError(f"there is no video '{source_id}' with faces in this workspace")
        return source_id


async def _read(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"a request must not exceed {MOST_BYTES >> 20} MiB")
    try:
        # Long numbers become floats, because Python refuses to parse integers with thousands of digits.
        content = json.loads(bytes(body), parse_int=lambda text: int(text) if len(text) < 20 else float(text))
    except (ValueError, RecursionError) as error:
        raise InputError("the request is not JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise InputError("the request is not a JSON object")
    return content


def _number(request: Request, name: str, default: int = 0, *, least: int = 0) -> int:
    text = request.query_params.get(name, str(default))
    if not text.removeprefix("-").isdecimal() or len(text) > 12:
        raise InputError(f"{name} '{text}' is not a whole number")
    return max(least, int(text))
