"""Connect to a Ray cluster. Only code for `--engine ray` imports this module."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.exceptions import RayError

from fertools.core.arguments import argument
from fertools.core.errors import InputError, first_line


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to a Ray cluster while the block runs, unless the caller is already connected to one.

    Args:
        address: address of the cluster; None starts a cluster on this machine.

    Raises:
        InputError: there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    # Ray must not send usage statistics about work on face data.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = signal.getsignal(signal.SIGTERM)
    own = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:
        raise InputError(
            f"there is no Ray cluster at {argument('ray_address')} {address} ({first_line(error)})"
        ) from error
    finally:
        # Ray replaces the SIGTERM handler, which gives the exit code of an interrupted run.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
    try:
        yield
    finally:
        ray.shutdown()
