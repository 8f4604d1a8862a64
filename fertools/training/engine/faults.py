"""What goes wrong below Python while training, told in one sentence, and which operations torch may take."""

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
    """Turn a lack of memory, a lost device or a failed compiler into an error that says what is left and what to do.

    Args:
        saved_iteration: the iteration whose state is on the disk when the block begins.

    Yields:
        A list; its last number is the iteration whose state is on the disk, to be kept up to date by the caller.

    Raises:
        RecipeError: there is too little memory, or torch cannot compile a network.
        DeviceError: the GPU has failed or is gone.
    """
    saved = [saved_iteration]
    try:
        yield saved
    except (MemoryError, RuntimeError) as error:
        words = str(error).lower()
        kept = f"the state after iteration {saved[-1]} is saved" if saved[-1] else "nothing was saved yet"
        if isinstance(error, MemoryError) or any(sign in words for sign in _MEMORY):
            raise RecipeError(
                f"training has run out of memory; {kept}; begin anew with {given('resume', False)} and "
                f"{argument('overrides')} accumulate=2 (less memory, the same "
                "updates) or a smaller batch_size, or make memory free and run the same command"
            ) from error
        if any(sign in words for sign in _GPU):
            raise DeviceError(
                f"the GPU has failed ({str(error).splitlines()[0]}); {kept}; run the same command to go on, there or "
                f"with another {argument('device')}"
            ) from error
        if any(sign in words for sign in _COMPILER):
            raise RecipeError(
                f"torch cannot compile the networks ({on_one_line(str(error).splitlines()[0])}); {kept}; begin anew "
                f"with {given('resume', False)} and {argument('overrides')} compile=false"
            ) from error
        raise


@contextlib.contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Let torch use only operations whose result never varies, or else the fastest, while the block runs.

    Batches are of one size, so cuDNN may try its convolutions on the first and keep to the fastest of them.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if wanted:
        # cuBLAS looks at this when it is first used; without it torch refuses its matrix products.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = not wanted
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
