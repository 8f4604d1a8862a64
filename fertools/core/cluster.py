"""A Ray cluster, for as long as it is needed; only what `--engine ray` asks for imports this."""

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
    """Use the cluster at `address`, one of this machine if None, or the one that the caller is connected to already.

    Raises:
        InputError: there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    # What a dataset of faces is worked on with is nobody else's business.
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
        # Ray sets one of its own, and the exit code would no longer say that what was done is kept.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
    try:
        yield
    finally:
        ray.shutdown()
