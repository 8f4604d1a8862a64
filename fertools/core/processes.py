"""How worker processes start.

On Linux they are copies of one process, Python's fork server, which has imported the modules of the work. So an import
costs once and not once per worker, and the first process plans the work meanwhile. A copy of the first process itself
could hang, because torch and OpenCV have threads there. The server only imports, and the libraries that start a thread
at import (OpenBLAS, jemalloc) prepare for a copy. Elsewhere each worker is a new process.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

_METHOD = "forkserver" if sys.platform == "linux" else "spawn"


def worker_context() -> BaseContext:
    """Return the `multiprocessing` context of all worker processes.

    Example:
        >>> worker_context().get_start_method() in ("forkserver", "spawn")
        True
    """
    return multiprocessing.get_context(_METHOD)


def prepare_workers(modules: Sequence[str]) -> None:
    """Import `modules` for later workers in the background, where workers are copies.

    A fork server that already runs is kept, with the modules that it has.
    """
    if _METHOD != "forkserver":
        return
    worker_context().set_forkserver_preload(list(modules))
    # Ctrl-C reaches every process of the terminal. The server ignores it after its imports only, so it starts with the
    # signal blocked. Its workers ignore it, too. The start of Python's resource tracker would let the signal in again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
