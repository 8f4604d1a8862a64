"""Serve the review page at an address of this machine until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable

from fertools.annotations.app.address import Address
from fertools.annotations.app.serving import listen, run_site
from fertools.annotations.people_review.review_service import ReviewService
from fertools.annotations.people_review.review_site import make_review_site
from fertools.core.workspace import Workspace


def serve_review(
    workspace: Workspace,
    address: Address,
    *,
    browser: bool = True,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the review page until a signal interrupts it.

    Args:
        workspace: workspace in which `fertools identify` ran.
        address: address of the page.
        browser: open the page in a browser, if this machine has a window system.
        announce: called with the URL once the page can be opened.

    Raises:
        Interrupted: always, at the end. Every acknowledged decision is on the disk.
        InputError: there are no people, or the address is in use.
    """
    with listen(address) as listener:
        service = ReviewService(workspace)
        run_site(
            lambda hosts: make_review_site(service, hosts=hosts, token=address.token),
            listener,
            address,
            closed=f"the review page is closed; all decisions are in {workspace.decisions}",
            browser=browser,
            announce=announce,
        )
