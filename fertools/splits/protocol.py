"""Protocols: what a split is told, how that is written down, and how two splits differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.splits.groups import GroupBy


@dataclass(frozen=True)
class SplitOptions:
    """How to split; exactly one of `folds`, `loso` and `holdout` is given.

    Attributes:
        folds: number of cross-validation folds, 2 or more.
        loso: leave one subject out: one fold per group of subjects.
        holdout: share of faces to hold out for testing, between 0 and 1.
        seed: settles ties between equally good assignments.
        group_by: what is never parted: a `subject`, or also all faces of a `source`.

    Raises:
        InputError: none or several protocols are given, or a value is out of range.
    """

    folds: int | None = None
    loso: bool = False
    holdout: float | None = None
    seed: int = 0
    group_by: GroupBy = "subject"

    def __post_init__(self) -> None:
        given = [self.folds is not None, self.loso, self.holdout is not None]
        if sum(given) != 1:
            raise InputError(
                f"give exactly one of {argument('folds')} K, {argument('loso')} and {argument('holdout')} SHARE"
            )
        if self.folds is not None and self.folds < 2:
            raise InputError(f"{argument('folds')} is {self.folds}; give 2 or more")
        if self.holdout is not None and not 0 < self.holdout < 1:
            raise InputError(f"{argument('holdout')} is {self.holdout}; give a share between 0 and 1, such as 0.1")
        if self.seed < 0:
            raise InputError(f"{argument('seed')} is {self.seed}; give 0 or more")
        if self.group_by not in get_args(GroupBy):
            raise InputError(
                f"{argument('group_by')} '{self.group_by}' is unknown; choose one of {', '.join(get_args(GroupBy))}"
            )

    @property
    def protocol(self) -> Literal["folds", "loso", "holdout"]:
        """Which of the three it is."""
        return "loso" if self.loso else "folds" if self.folds is not None else "holdout"

    def record(self) -> dict[str, Any]:
        """Return what `fertools.toml` keeps of these options."""
        values = {
            "protocol": self.protocol,
            "folds": self.folds,
            "holdout": self.holdout,
            # The seed of a leave-one-out protocol decides nothing.
            "seed": None if self.loso else self.seed,
            "group_by": self.group_by,
        }
        return {name: value for name, value in values.items() if value is not None}


def describe_difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return one clause that names the first difference between a recorded split and the one asked for.

    Args:
        old: the record in `fertools.toml`.
        new: `SplitOptions.record` with `faces` (how many) and `membership` (a fingerprint) of the faces there are now.
    """
    for name in ("protocol", "folds", "holdout", "seed", "group_by"):
        if old.get(name) != new.get(name):
            option = argument(name) if name != "protocol" else "the protocol"
            return f"the split here was made with {option} {old.get(name)}, now it is {new.get(name)}"
    if old.get("faces") != new["faces"]:
        return f"the split here was made for {old.get('faces')} kept faces, now there are {new['faces']}"
    if old.get("membership") != new["membership"]:
        return "the faces or their subjects have changed since the split here was made"
    return "the folds in the manifest are not those that were recorded when the split was made"
