"""Options of a split, their record in `fertools.toml`, and the difference of two records.

The command line reads the defaults of the options, so this module imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from fertools.core.arguments import argument
from fertools.core.errors import InputError

GroupBy = Literal["subject", "source"]
"""What a split never separates: the faces of a subject, or also all faces of a source."""


@dataclass(frozen=True)
class SplitOptions:
    """Options of a split; exactly one of `folds`, `loso` and `holdout` must be given.

    Attributes:
        folds: number of cross-validation folds, 2 or more.
        loso: leave one subject out: one fold per group of subjects.
        holdout: share of faces to hold out for testing, between 0 and 1.
        seed: breaks ties between equally good splits.
        group_by: what a split never separates: a `subject`, or also all faces of a `source`.

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
        """The protocol that the options choose."""
        return "loso" if self.loso else "folds" if self.folds is not None else "holdout"

    def record(self) -> dict[str, Any]:
        """Return the record of these options for `fertools.toml`."""
        values = {
            "protocol": self.protocol,
            "folds": self.folds,
            "holdout": self.holdout,
            # Leave-one-subject-out does not use the seed.
            "seed": None if self.loso else self.seed,
            "group_by": self.group_by,
        }
        return {name: value for name, value in values.items() if value is not None}


def describe_difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return a clause that names the first difference between the recorded split and a new one.

    Args:
        old: the record in `fertools.toml`.
        new: `SplitOptions.record` of the new split, with the number `faces` and the digest `membership` of its faces.
    """
    for name in ("protocol", "folds", "holdout", "seed", "group_by"):
        if old.get(name) != new.get(name):
            option = argument(name) if name != "protocol" else "the protocol"
            return f"the existing split has {option} {old.get(name)}, not {new.get(name)}"
    if old.get("faces") != new["faces"]:
        return f"the existing split was made for {old.get('faces')} kept faces, but there are {new['faces']} now"
    if old.get("membership") != new["membership"]:
        return "the faces or their subjects have changed since the existing split was made"
    return "the folds in the manifest differ from the recorded split"
