"""Serve the rating page at an address of this machine until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.types import ASGIApp

from fertools.annotations.app.address import Address
from fertools.annotations.app.codes import Codes
from fertools.annotations.app.service import RatingService, Settings
from fertools.annotations.app.serving import listen, run_site
from fertools.annotations.app.site import make_site
from fertools.core.locking import exclusive
from fertools.core.workspace import Workspace


def serve(
    workspace: Workspace,
    settings: Settings,
    address: Address,
    *,
    browser: bool = True,
    announce: Callable[[str, dict[str, str]], None] = lambda address, links: None,
) -> None:
    """Serve the rating page until a signal interrupts it.

    Args:
        workspace: the workspace of the faces.
        settings: settings of the page.
        address: address of the page.
        browser: open the page in a browser, if this machine has a window system.
        announce: called once the page can be opened, with its URL and the link of each known rater. A link contains the
            rater's code; without a token there are no links.

    Raises:
        Interrupted: always, at the end. Every acknowledged event is on the disk.
        InputError: there is nothing to rate, another page serves this workspace, or the address is in use.
    """
    with listen(address) as listener, exclusive(workspace.rating_lock, "a second rating page"):
        service = RatingService(workspace, settings)

        def make(hosts: frozenset[str] | None) -> ASGIApp:
            try:
                return make_site(service, hosts=hosts, token=address.token)
            except BaseException:
                service.close()
                raise

        run_site(
            make,
            listener,
            address,
            closed=f"the rating page is closed; all saved ratings are in {workspace.ratings_log}",
            browser=browser,
            announce=lambda url: announce(url, _links(url, service) if address.token else {}),
        )


def _links(url: str, service: RatingService) -> dict[str, str]:
    codes = Codes(service.log.secret)
    return {rater: f"{url}&{urlencode({'rater': rater, 'code': codes.of(rater)})}" for rater in service.raters}
