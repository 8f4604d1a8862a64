"""One value of several raters': the mean, the median, or the evaluator-weighted estimator; the majority for names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fertools.annotations.disagreement import spread_of
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.statistics.concordance import correlation

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Method = Literal["mean", "median", "ewe"]

METHODS: tuple[Method, ...] = ("mean", "median", "ewe")


@dataclass(frozen=True)
class Consensus:
    """What raters say together.

    Attributes:
        fused: (n,) nan where nobody said anything.
        spread: (n,) standard deviation between the raters, with n - 1; nan for fewer than two.
        raters: (n,) how many each value rests on.
        weights: rater to weight; None where all count alike.
    """

    fused: Floats
    spread: Floats
    raters: Integers
    weights: dict[str, float] | None


def fuse(values: Floats, raters: Sequence[str], method: Method, what: str) -> Consensus:
    """Return one value per item from those of several raters.

    Args:
        values: (n, k), nan where a rater gave none; what is missing weighs nothing.
        raters: names of the k.
        method: `ewe` weighs raters by `rater_weights`; a rater whose weight is 0 does not count at all.
        what: what the values are, for messages.

    Raises:
        InputError: `ewe` has no weights to give; see `rater_weights`.
    """
    weights = rater_weights(values, raters, what) if method == "ewe" else None
    if weights is not None:
        values = np.where(np.array([weights[rater] for rater in raters]) > 0, values, np.nan)
    given = np.isfinite(values)
    count = given.sum(axis=1)
    if method == "median":
        fused = np.full(len(values), np.nan)
        fused[count > 0] = np.nanmedian(values[count > 0], axis=1) if (count > 0).any() else []
    else:
        factor = np.ones(len(raters)) if weights is None else np.array([weights[rater] for rater in raters])
        with np.errstate(invalid="ignore"):
            fused = (np.where(given, values, 0.0) * factor).sum(axis=1) / (given * factor).sum(axis=1)
    return Consensus(fused, spread_of(values), count, weights)


def rater_weights(values: Floats, raters: Sequence[str], what: str) -> dict[str, float]:
    """Return how much each rater counts: the mean of the correlations with the others, over what both rated.

    A rater who on the whole says the reverse of the others gets 0. The correlation is with the others and not, as in
    the paper, with the mean of all, which holds the rater's own values and favours whoever moves most.

    Args:
        values: (n, k), nan where a rater gave none.
        raters: names of the k.
        what: what the values are, for messages.

    Raises:
        InputError: fewer than two raters, a rater who shares no two items with another or never varies, or nobody who
            agrees with the others at all.

    Source: M. Grimm and K. Kroschel, "Evaluation of natural emotions using self assessment manikins", IEEE
    Workshop on Automatic Speech Recognition and Understanding (2005), 381-385.
    """
    if len(raters) < 2:
        raise InputError(
            f"weights need two raters or more, and only {', '.join(raters)} is there; use {argument('method')} mean"
        )
    weights = {}
    for one, rater in enumerate(raters):
        found = [correlation(values[:, one], values[:, other]) for other in range(len(raters)) if other != one]
        known = [value for value in found if value == value]
        if not known:
            raise InputError(
                f"the {what} of {rater} cannot be weighed: it has no two items in common with another rater, or never "
                f"varies; leave that rater out with {argument('rater')}, or use {argument('method')} mean"
            )
        weights[rater] = max(0.0, float(np.mean(known)))
    if not any(weights.values()):
        raise InputError(
            f"no rater's {what} agrees with the others', so all weights are 0; see `fertools annotate agreement`, or "
            f"use {argument('method')} mean or median"
        )
    return weights


def majority(codes: Integers, labels: int) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return the label that most raters named, -1 where none did or two labels tie, and where they tie.

    Args:
        codes: (n, k) numbers of labels, -1 where a rater named none.
        labels: how many labels there are.
    """
    if not labels or not len(codes):
        return np.full(len(codes), -1, np.int64), np.zeros(len(codes), bool)
    counts = np.stack([(codes == label).sum(axis=1) for label in range(labels)], axis=1)
    most = counts.max(axis=1)
    tied = (most > 0) & ((counts == most[:, None]).sum(axis=1) > 1)
    return np.where((most > 0) & ~tied, counts.argmax(axis=1), -1), tied
