"""Consensus of several raters: the mean, the median or the evaluator-weighted estimator; for labels the majority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fertools.annotations.disagreement import spread_of
from fertools.core import calls
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.statistics.concordance import correlation

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Method = Literal["mean", "median", "ewe"]

METHODS: tuple[Method, ...] = ("mean", "median", "ewe")


@dataclass(frozen=True)
class Consensus:
    """The consensus of raters on N items.

    Attributes:
        fused: N values; NaN where nobody rated.
        spread: N standard deviations over the raters (n - 1); NaN for fewer than two.
        raters: N numbers of raters per item.
        weights: weight of each rater by name; None if all weights are equal.
    """

    fused: Floats
    spread: Floats
    raters: Integers
    weights: dict[str, float] | None


def fuse(values: Floats, raters: Sequence[str], method: Method, what: str) -> Consensus:
    """Return one value per item from those of several raters.

    Args:
        values: N x K ratings, NaN where one is missing; missing ratings have no weight.
        raters: names of the K raters.
        method: `mean`, `median` or `ewe`. The last weights raters by `rater_weights` and ignores raters of weight 0.
        what: name of the values, for messages.

    Raises:
        InputError: `ewe` cannot compute weights; see `rater_weights`.
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
    """Return the weight of each rater: the mean correlation with every other rater over their common items.

    A negative mean correlation gives the weight 0. The paper correlates with the mean of all raters. That mean contains
    the rater's own values and favours raters with a large variance, so this function correlates with the others.

    Args:
        values: N x K ratings, NaN where one is missing.
        raters: names of the K raters.
        what: name of the values, for messages.

    Raises:
        InputError: there are fewer than two raters, a rater has no two items in common with another or never varies, or
            all weights are 0.

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
            f"no rater's {what} agrees with the others', so all weights are 0; see {calls.AGREEMENT}, or "
            f"use {argument('method')} mean or median"
        )
    return weights


def majority(codes: Integers, labels: int) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return the most frequent label of each item (-1 without a label or with a tie), and which items have a tie.

    Args:
        codes: N x K label numbers, -1 where one is missing.
        labels: number of labels.
    """
    if not labels or not len(codes):
        return np.full(len(codes), -1, np.int64), np.zeros(len(codes), bool)
    counts = np.stack([(codes == label).sum(axis=1) for label in range(labels)], axis=1)
    most = counts.max(axis=1)
    tied = (most > 0) & ((counts == most[:, None]).sum(axis=1) > 1)
    return np.where((most > 0) & ~tied, counts.argmax(axis=1), -1), tied
