"""Access control of the rating page: only its own pages in a browser may use it, no other website.

- The `Host` header must name this server, which prevents DNS rebinding. Beyond loopback the token prevents it, because
  a cookie belongs to the host name that it was set for.
- `Origin` and `Sec-Fetch-Site` must be the page's own if the browser sends them. Only opening the page itself may
  follow a link from another website.
- A request that changes something must have a header that a form of another website cannot set.
- A token is given once in the address (`?token=`), stored in a cookie, and required for every request.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "fertools-token"
HEADER = "x-fertools"
"""Header of every request that changes something; a form or image of another website cannot send it."""
INNER = ("/api/", "/media/", "/face/", "/static/")
"""Paths that only the page itself requests."""
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware that refuses requests from other websites.

    Args:
        app: the guarded application.
        hosts: accepted values of `Host`; None accepts any and requires a token.
        token: the required token; None requires none.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, token: str | None) -> None:
        if hosts is None and not token:
            raise ValueError("any Host is only safe with a token")
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        path, method = scope["path"], scope["method"]
        host = headers.get("host", "")
        if self._hosts is not None and host.lower() not in self._hosts:
            return PlainTextResponse(f"this server is not called '{host}'; open the address that it printed", 403)
        if (origin := headers.get("origin")) is not None and origin not in (f"http://{host}", f"https://{host}"):
            return PlainTextResponse(f"requests from {origin} are refused", 403)
        opens_page = method in ("GET", "HEAD") and not path.startswith(INNER)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not opens_page:
            return PlainTextResponse("requests from other sites are refused", 403)
        if method not in ("GET", "HEAD") and (
            HEADER not in headers or not headers.get("content-type", "").startswith("application/json")
        ):
            return PlainTextResponse(f"changes are sent as JSON with the header {HEADER}", 403)
        return self._ask_for_token(scope, headers) if self._token else None

    def _ask_for_token(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if (given := dict(query).get("token")) is not None and self._is_token(given):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            response = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            response.set_cookie(COOKIE, given, httponly=True, samesite="strict", max_age=90 * 24 * 3600)
            return response
        # Cookies of other servers on this host are sent, too, and may be malformed.
        if self._is_token(cookie_parser(headers.get("cookie", "")).get(COOKIE, "")):
            return None
        return PlainTextResponse("this page needs its token: open the address that was printed, with ?token=", 401)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), (self._token or "").encode())
