"""Connect to a Ray cluster. Only code for `--engine ray` imports this module."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from fertools.core.arguments import argument
from fertools.core.errors import InputError, first_line

Item = TypeVar("Item")
Result = TypeVar("Result")
RETRIES = 2
"""How often a block runs again whose worker died."""


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


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise the error of a worker or of a signal handler itself, not the one that Ray makes of it."""
    try:
        yield
    except RayTaskError as failed:
        raise failed.cause from failed
    except SystemError as error:
        # While it waits, Ray wraps the error that a signal handler raises.
        if error.__cause__ is None:
            raise
        raise error.__cause__ from None


def refuse_absent(needed: Path) -> None:
    """Refuse to work on a machine that does not see a file.

    Raises:
        InputError: the file is not on this machine.
    """
    if not needed.is_file():
        raise InputError(
            f"{needed} is not on the machine {os.uname().nodename} of the Ray cluster; choose a "
            f"{argument('workspace')} on a file system that all its machines see by the same path"
        )


def spread(
    work: Callable[[Item], Result], items: Iterable[Item], address: str | None, needed: Path, *, gpus: bool = False
) -> Iterator[Result]:
    """Yield the result of each item, computed on a cluster, in the order of the items.

    Only a few items per processor are under way at once. An item whose worker died runs again.

    Args:
        work: what to do with an item; sent to each machine once.
        items: the items.
        address: address of the cluster; None starts one on this machine.
        needed: a file that every machine must see under the same path.
        gpus: whether an item takes one GPU, if the cluster has any.

    Raises:
        InputError: there is no cluster at the address, a machine does not see the file, or workers die.
    """
    with connected(address):
        resources = ray.cluster_resources()
        with_gpu = gpus and resources.get("GPU", 0) >= 1
        remote = ray.remote(_work).options(num_cpus=1, num_gpus=int(with_gpu), max_retries=RETRIES)
        shared = ray.put(work)
        most = 2 * max(1, int(resources.get("GPU" if with_gpu else "CPU", 1)))
        under_way: deque[Any] = deque()
        try:
            for item in items:
                under_way.append(remote.remote(shared, item, needed))
                if len(under_way) >= most:
                    yield _result(under_way.popleft())
            while under_way:
                yield _result(under_way.popleft())
        finally:
            for answer in under_way:
                ray.cancel(answer, force=True)


def _work(work: Callable[[Item], Result], item: Item, needed: Path) -> Result:
    refuse_absent(needed)
    return work(item)


def _result(answer: Any) -> Any:
    try:
        with own_errors():
            return ray.get(answer)
    except RayError as error:
        raise InputError(
            f"workers of the Ray cluster died {RETRIES + 1} times at one block ({first_line(error)}); see their Ray "
            "logs for the reason, such as too little memory"
        ) from error
