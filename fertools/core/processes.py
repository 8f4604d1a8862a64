"""How worker processes start.

On Linux they are copies of one process, Python's fork server, which has imported the modules of the work. So an import
costs once and not once per worker, and the first process plans the work meanwhile. A copy of the first process itself
could hang, because torch and OpenCV have threads there. The server only imports, and the libraries that start a thread
at import (OpenBLAS, jemalloc) prepare for a copy. Elsewhere each worker is a new process.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

_METHOD = "forkserver" if sys.platform == "linux" else "spawn"


def processors() -> int:
    """Return the number of processors that this process may use; a container or a batch job can limit it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_context(modules: Sequence[str]) -> BaseContext:
    """Return the `multiprocessing` context of worker processes.

    Args:
        modules: modules that the workers need; see `prepare_workers`.

    Example:
        >>> worker_context(["fertools.samples.dataset"]).get_start_method() in ("forkserver", "spawn")
        True
    """
    prepare_workers(modules)
    return multiprocessing.get_context(_METHOD)


def prepare_workers(modules: Sequence[str]) -> None:
    """Begin to import modules for later workers, in the background.

    Nothing is done where workers are new processes, or if the fork server of this process runs already.

    Args:
        modules: modules that the workers need. A missing module is passed over.
    """
    if _METHOD != "forkserver":
        return
    multiprocessing.get_context(_METHOD).set_forkserver_preload(list(modules))
    # Ctrl-C reaches every process of the terminal. The server ignores it after its imports only, so it starts with the
    # signal blocked. Its workers ignore it, too. The start of Python's resource tracker would let the signal in again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def peak_memory_gb() -> float:
    """Return the peak memory of this process in gigabytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    return most * (1 if sys.platform == "darwin" else 1024) / 1e9
