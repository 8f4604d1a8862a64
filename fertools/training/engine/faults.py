"""Clear errors for faults of memory, GPU and compiler in training; and deterministic operations of torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from fertools.core.arguments import argument, given
from fertools.core.errors import DeviceError, RecipeError
from fertools.core.progress import on_one_line

_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
_COMPILER = ("inductor", "compiler", "torch._dynamo")
_GPU = ("cuda error", "cudnn", "nccl", "device-side", "mps backend")


@contextlib.contextmanager
def explain_faults(saved_iteration: int) -> Iterator[list[int]]:
    """Turn a lack of memory, a GPU failure or a compiler failure into an error that says what is saved and what to do.

    Args:
        saved_iteration: iteration of the last checkpoint when the block begins.

    Yields:
        A list; its last number is the iteration of the last checkpoint. The caller appends to it.

    Raises:
        RecipeError: there is too little memory, or torch cannot compile a network.
        DeviceError: the GPU has failed or is not there any more.
    """
    saved = [saved_iteration]
    try:
        yield saved
    except (MemoryError, RuntimeError) as error:
        words = str(error).lower()
        kept = f"the state after iteration {saved[-1]} is saved" if saved[-1] else "nothing was saved yet"
        if isinstance(error, MemoryError) or any(sign in words for sign in _MEMORY):
            raise RecipeError(
                f"training has run out of memory; {kept}; start again with {given('resume', False)} and "
                f"{argument('overrides')} accumulate=2 (less memory, the same "
                "updates) or a smaller batch_size, or free memory and run the same command"
            ) from error
        if any(sign in words for sign in _GPU):
            raise DeviceError(
                f"the GPU has failed ({str(error).splitlines()[0]}); {kept}; run the same command to resume, there or "
                f"with another {argument('device')}"
            ) from error
        if any(sign in words for sign in _COMPILER):
            raise RecipeError(
                f"torch cannot compile the networks ({on_one_line(str(error).splitlines()[0])}); {kept}; start again "
                f"with {given('resume', False)} and {argument('overrides')} compile=false"
            ) from error
        raise


@contextlib.contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Let torch use deterministic operations only, or else the fastest ones, while the block runs.

    All batches have one size, so cuDNN may benchmark its convolutions on the first batch and use the fastest.

    Args:
        wanted: whether to use deterministic operations only.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if wanted:
        # cuBLAS reads this at its first use. Without it, torch refuses matrix products.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = not wanted
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
