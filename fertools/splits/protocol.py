"""Options of a split, their record in `fertools.toml`, and the difference of two records.

The command line reads the defaults of the options, so this module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fertools.core.arguments import argument
from fertools.core.errors import InputError

GroupBy = Literal["subject", "source"]
"""What a split never separates: the faces of a subject, or also all faces of a source."""
Balance = Literal["classes", "va", "turns"]
"""What decides the fold of a group: classes; also places in the VA plane; or its place in the order of names."""


@dataclass(frozen=True)
class SplitOptions:
    """Options of a split; exactly one of `folds`, `loso` and `holdout` must be given.

    Attributes:
        folds: number of cross-validation folds, 2 or more.
        loso: leave one subject out: one fold per group of subjects.
        holdout: share of faces to hold out for testing, between 0 and 1.
        validation: with `holdout`, share of faces to keep for validation, between 0 and 1.
        repeats: with `folds`, number of complete repetitions of the cross-validation with other folds.
        balance: what is spread evenly: the `classes`; `va`, also valence and arousal; or nothing, in `turns`: the
            subject number i, in the order of names, goes to fold i modulo the number of folds.
        near_duplicates: whether copies of one picture, found in the pixels, stay together.
        seed: breaks ties between equally good splits.
        group_by: what a split never separates: a `subject`, or also all faces of a `source`.

    Raises:
        InputError: none or several protocols are given, a value is out of range, or two options exclude each other.
    """

    folds: int | None = None
    loso: bool = False
    holdout: float | None = None
    validation: float | None = None
    repeats: int = 1
    balance: Balance = "classes"
    near_duplicates: bool = False
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
        for name in ("holdout", "validation"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                raise InputError(f"{argument(name)} is {share}; give a share between 0 and 1, such as 0.1")
        if self.seed < 0:
            raise InputError(f"{argument('seed')} is {self.seed}; give 0 or more")
        if not 1 <= self.repeats <= 1000:
            raise InputError(f"{argument('repeats')} is {self.repeats}; give 1 to 1000")
        for name, kind in (("group_by", GroupBy), ("balance", Balance)):
            if getattr(self, name) not in get_args(kind):
                raise InputError(
                    f"{argument(name)} '{getattr(self, name)}' is unknown; choose one of {', '.join(get_args(kind))}"
                )
        self._refuse_combinations()

    def _refuse_combinations(self) -> None:
        if self.validation is not None and self.holdout is None:
            raise InputError(
                f"{argument('validation')} needs {argument('holdout')}, because each run of a cross-validation keeps "
                "validation people of its own; leave one of them out"
            )
        if self.validation is not None and self.holdout is not None and self.validation + self.holdout >= 1:
            raise InputError(
                f"{argument('validation')} and {argument('holdout')} together are {self.validation + self.holdout:g}, "
                "which leaves nothing for training; give less than 1"
            )
        if self.repeats > 1 and (self.folds is None or self.balance == "turns"):
            raise InputError(
                f"{argument('repeats')} needs {argument('folds')} that are balanced, because there are no other folds "
                "otherwise; leave it out"
            )
        if self.balance == "turns" and self.folds is None:
            raise InputError(f"{argument('balance')} 'turns' needs {argument('folds')}; give their number")
        if self.balance == "va" and self.loso:
            raise InputError(
                f"{argument('loso')} has one person in each fold, so nothing can be balanced; leave out "
                f"{argument('balance')}"
            )

    @property
    def protocol(self) -> Literal["folds", "loso", "holdout"]:
        """The protocol that the options choose."""
        return "loso" if self.loso else "folds" if self.folds is not None else "holdout"

    @property
    def held_out_parts(self) -> tuple[str, ...]:
        """Names of the parts of a hold-out, in order; empty for folds."""
        if self.holdout is None:
            return ()
        return ("train", "test") if self.validation is None else ("train", "val", "test")

    def record(self) -> dict[str, Any]:
        """Return the record of these options for `fertools.toml`; an option that few need is there if it is set."""
        values = {
            "protocol": self.protocol,
            "folds": self.folds,
            "holdout": self.holdout,
            "validation": self.validation,
            # Leave-one-subject-out and turns do not use the seed.
            "seed": None if self.loso or self.balance == "turns" else self.seed,
            "group_by": self.group_by,
            "repeats": self.repeats if self.repeats > 1 else None,
            "balance": self.balance if self.balance != "classes" else None,
            "near_duplicates": self.near_duplicates or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> SplitOptions:
        """Return the options of a record.

        Raises:
            InputError: the record is not one that `record` returns.
        """
        names = [name for name in cls.__dataclass_fields__ if name in record]
        try:
            return cls(**{name: record[name] for name in names}, loso=record.get("protocol") == "loso")
        except TypeError as error:
            raise InputError("the record of the split in fertools.toml is damaged; split again") from error


_DEFAULTS = {"repeats": 1, "balance": "classes", "near_duplicates": False}


def describe_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return a clause that names the first option that differs between the recorded split and a new one, or None.

    Args:
        old: the record in `fertools.toml`.
        new: `SplitOptions.record` of the new split.
    """
    for name in ("protocol", "folds", "holdout", "validation", "seed", "group_by", *_DEFAULTS):
        before, now = (record.get(name, _DEFAULTS.get(name)) for record in (old, new))
        if before != now:
            option = argument(name) if name != "protocol" else "the protocol"
            return f"the existing split has {option} {before}, not {now}"
    return None
