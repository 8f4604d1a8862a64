"""Terms that the methods texts of several systems share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

OPTIMISERS = {"sgd": "SGD with momentum", "adam": "Adam", "adamw": "AdamW"}
"""Optimisers by their name in a recipe."""
SCHEDULES = {
    "constant": "kept constant",
    "linear": "falling linearly to zero over the second half",
    "cosine": "falling to zero along a cosine",
    "epochs": "falling in equal steps over the last epochs",
}
"""Schedules of the learning rate by their name in a recipe."""


def values(record: Mapping[str, Any]) -> Callable[[str], Any]:
    """Return a function from a key of a run's recipe to its value."""
    return lambda key: record["recipe"][key]["value"]
