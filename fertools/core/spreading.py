"""Where blocks of work run: in this process, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from fertools.core.arguments import argument
from fertools.core.errors import InputError

Engine = Literal["local", "ray"]
ENGINES: tuple[Engine, ...] = ("local", "ray")
"""Names of the engines."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Spread(Protocol):
    """A way to call a function with many items. The built-in `map` is the simplest."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """Yield the result of each item, in the order of the items."""


def check_engine(engine: str, ray_address: str | None) -> None:
    """Refuse an unknown engine, and the address of a cluster without the engine that uses it.

    Raises:
        InputError: the engine is unknown, or there is an address without `ray`.
    """
    if engine not in ENGINES:
        raise InputError(f"{argument('engine')} '{engine}' is unknown; choose one of {', '.join(ENGINES)}")
    if ray_address is not None and engine != "ray":
        raise InputError(f"{argument('ray_address')} names a Ray cluster; give it with {argument('engine')} ray")


def spread_over(engine: str, ray_address: str | None, needed: Path, *, gpus: bool = False) -> Spread | None:
    """Return how to spread blocks of work over an engine; None is this process.

    Args:
        engine: `local` or `ray`.
        ray_address: address of the cluster; None starts one on this machine.
        needed: a file that every machine of a cluster must see under the same path.
        gpus: whether a block takes one GPU, if the cluster has any.

    Raises:
        InputError: the engine is unknown, or there is an address without `ray`.
    """
    check_engine(engine, ray_address)
    if engine == "local":
        return None
    from fertools.core.cluster import spread

    def over_cluster(work: Callable[[Any], Any], items: Iterable[Any], /) -> Iterator[Any]:
        return spread(work, items, ray_address, needed, gpus=gpus)

    return over_cluster
