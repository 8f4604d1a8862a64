"""The web application of `fertools browse`: a Starlette application over a `BrowseService`."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fertools.annotations.app.guard import Guard
from fertools.core.errors import FertoolsError, InputError, StorageError
from fertools.training.reports.html import STYLE
from fertools.views.browse.browse_service import BrowseService
from fertools.views.browse.face_index import FaceQuery
from fertools.views.conditions import TEXTS, FaceConditions

STATIC = Path(__file__).parent / "static"
BLOCK = 120
"""Faces of one request."""
_DAY = {"cache-control": "private, max-age=86400"}
_OTHER = ("order", "descending", "start", "around", "face")


def make_browse_site(service: BrowseService, *, hosts: frozenset[str] | None, token: str | None = None) -> Starlette:
    """Return the web application.

    Args:
        service: the faces.
        hosts: accepted values of the `Host` header; None accepts any and requires a token.
        token: the required token; None requires none.
    """

    async def page(request: Request) -> Response:
        return FileResponse(STATIC / "browse.html", headers={"cache-control": "no-cache"})

    async def settings(request: Request) -> Response:
        return JSONResponse({**service.describe(), "block": BLOCK})

    async def find(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.find, read_query(request.query_params)))

    async def rows(request: Request) -> Response:
        query, start = read_query(request.query_params), _start(request.query_params)
        return JSONResponse(await run_in_threadpool(service.rows, query, start, BLOCK))

    async def face(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.face, request.path_params["face"]))

    async def track(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.track, request.path_params["face"]))

    async def crop(request: Request) -> Response:
        path = service.crop(request.path_params["face"])
        if path is None or not path.is_file():
            raise HTTPException(404, "there is no such crop")
        return FileResponse(path, headers=_DAY)

    async def frame(request: Request) -> Response:
        name, around = request.path_params["face"], "around" in request.query_params
        picture = await run_in_threadpool(service.frame, name, around=around)
        return Response(picture, media_type="image/jpeg", headers=_DAY)

    async def stats(request: Request) -> Response:
        query = read_query(request.query_params)
        return HTMLResponse(await run_in_threadpool(service.stats_page, query, "/style.css"))

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/stats", stats),
            Route("/style.css", style),
            Route("/api/settings", settings),
            Route("/api/find", find),
            Route("/api/rows", rows),
            Route("/api/face/{face}", face),
            Route("/api/track/{face}", track),
            Route("/face/{face}", crop),
            Route("/media/frame/{face}", frame),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, hosts=hosts, token=token)],
        exception_handlers={FertoolsError: _refuse, HTTPException: _refuse_plainly},
    )


def read_query(given: QueryParams) -> FaceQuery:
    """Return the query that the parameters of an address give.

    A text condition is named as in `FaceConditions` and may occur more than once. `min.blur` and `max.blur` limit the
    column `blur`. `order` and `descending` sort.

    Raises:
        InputError: an unknown parameter, or a value that cannot be.
    """
    limits: dict[str, list[float | None]] = {}
    for name, value in given.multi_items():
        end, dot, column = name.partition(".")
        if dot and end in ("min", "max"):
            try:
                limits.setdefault(column, [None, None])[end == "max"] = float(value)
            except ValueError as error:
                raise InputError(f"{name} is '{value}', which is not a number") from error
        elif name not in TEXTS and name not in _OTHER:
            raise InputError(f"there is no condition '{name}'; choose among {', '.join(TEXTS)}, min.COLUMN, max.COLUMN")
    texts = {name: tuple(dict.fromkeys(given.getlist(name))) for name in TEXTS}
    conditions = FaceConditions(**texts, ranges={name: (low, high) for name, (low, high) in limits.items()})
    return FaceQuery(conditions, given.get("order", FaceQuery.order), "descending" in given)


def _start(given: QueryParams) -> int:
    text = given.get("start", "0")
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InputError(f"start '{text}' is not a whole number")
    return int(text)


async def _refuse(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503 if isinstance(error, StorageError) else 400)


async def _refuse_plainly(request: Request, error: Exception) -> Response:
    code, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": detail}, code)
