"""Serve the page of `fertools browse` at an address of this machine until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable

from fertools.annotations.app.address import Address
from fertools.annotations.app.serving import listen, run_site
from fertools.core.workspace import Workspace
from fertools.views.browse.browse_service import BrowseService
from fertools.views.browse.browse_site import make_browse_site


def serve_browse(
    workspace: Workspace,
    address: Address,
    *,
    browser: bool = True,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the page until a signal interrupts it. The page only reads.

    Args:
        workspace: workspace of the manifest.
        address: address of the page.
        browser: open the page in a browser, if this machine has a window system.
        announce: called with the URL once the page can be opened.

    Raises:
        Interrupted: always, at the end.
        InputError: there is no manifest, or the address is in use.
        SchemaError: the manifest is damaged or of another schema version.
    """
    with listen(address) as listener:
        service = BrowseService(workspace)
        run_site(
            lambda hosts: make_browse_site(service, hosts=hosts, token=address.token),
            listener,
            address,
            closed="the page is closed; it has changed nothing",
            browser=browser,
            announce=announce,
        )
