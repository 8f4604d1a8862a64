"""The web application of the review page: a Starlette application over a `ReviewService`."""

from __future__ import annotations

import json
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

from fertools.annotations.app.guard import Guard
from fertools.annotations.people_review.review_service import ReviewService
from fertools.core.errors import FertoolsError, InputError, StorageError

STATIC = Path(__file__).parent / "static"
PAGE = 24
"""People or pairs of one request."""
MOST_BYTES = 1 << 20
"""Maximum number of bytes in a request."""


def make_review_site(service: ReviewService, *, hosts: frozenset[str] | None, token: str | None = None) -> Starlette:
    """Return the web application.

    Args:
        service: the people and the log of decisions.
        hosts: accepted values of the `Host` header; None accepts any and requires a token.
        token: the required token; None requires none.
    """

    async def page(request: Request) -> Response:
        return FileResponse(STATIC / "review.html", headers={"cache-control": "no-cache"})

    async def settings(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.describe))

    async def people(request: Request) -> Response:
        return JSONResponse(service.people(_start(request), PAGE))

    async def pairs(request: Request) -> Response:
        return JSONResponse(service.pairs(_start(request), PAGE))

    async def decide(request: Request) -> Response:
        decision = await run_in_threadpool(service.decide, await _read(request))
        return JSONResponse({"id": decision.id})

    async def face(request: Request) -> Response:
        path = service.crop(request.path_params["face"])
        if path is None or not path.is_file():
            raise HTTPException(404, "there is no such face")
        return FileResponse(path, headers={"cache-control": "private, max-age=86400"})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/settings", settings),
            Route("/api/people", people),
            Route("/api/pairs", pairs),
            Route("/api/decide", decide, methods=["POST"]),
            Route("/face/{face}", face),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, hosts=hosts, token=token)],
        exception_handlers={FertoolsError: _refuse, HTTPException: _refuse_plainly},
    )


async def _refuse(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503 if isinstance(error, StorageError) else 400)


async def _refuse_plainly(request: Request, error: Exception) -> Response:
    code, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": detail}, code)


async def _read(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"a request must not exceed {MOST_BYTES >> 20} MiB")
    try:
        content = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise InputError("the request is not JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise InputError("the request is not a JSON object")
    return content


def _start(request: Request) -> int:
    text = request.query_params.get("start", "0")
    if not text.isdecimal() or len(text) > 9:
        raise InputError(f"start '{text}' is not a whole number")
    return int(text)
