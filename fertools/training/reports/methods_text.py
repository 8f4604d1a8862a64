"""A paragraph for the methods section of a paper: how metrics were computed, with references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fertools import __version__
from fertools.statistics.jackknife import FEWEST_GROUPS
from fertools.training.reports.training_text import describe_training

REFERENCES = {
    "jackknife": "Tukey, J. W. (1958). Bias and confidence in not-quite large samples. Annals of Mathematical "
    "Statistics 29, 614.",
    "calibration": "Guo, C., Pleiss, G., Sun, Y., Weinberger, K. (2017). On calibration of modern neural networks. "
    "ICML.",
    "ccc": "Lin, L. (1989). A concordance correlation coefficient to evaluate reproducibility. Biometrics 45, 255-268.",
    "mcnemar": "McNemar, Q. (1947). Note on the sampling error of the difference between correlated proportions. "
    "Psychometrika 12, 153-157.",
    "corrected": "Nadeau, C., Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.",
    "holm": "Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
    "Statistics 6, 65-70.",
}
"""The references that the paragraph may cite."""


def write_methods(
    runs: Mapping[str, Mapping[str, Any]],
    *,
    trained: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str | None = None,
    leaky: str = "",
    compared: bool = False,
) -> tuple[str, list[str]]:
    """Return the paragraph and the references that it needs.

    Args:
        runs: scores by name, of the same faces; may be empty.
        trained: records of runs by name of the model, to describe their training; see `describe_training`.
        protocol: `k-fold`, `leave-one-subject-out` or `hold-out`; None to infer it from the folds.
        leaky: why test faces take part in training; empty where they do not.
        compared: whether tests between runs are reported.
    """
    sentences, cited = describe_training(trained or {})
    if runs:
        more, others = _evaluation(runs, protocol, leaky, compared)
        sentences, cited = [*sentences, *more], [*cited, *(REFERENCES[key] for key in others)]
    sentences.append(
        f"All metrics were computed with fertools {__version__}{' from predictions per face' * bool(runs)}."
    )
    return " ".join(sentences), list(dict.fromkeys(cited))


def _evaluation(
    runs: Mapping[str, Mapping[str, Any]], protocol: str | None, leaky: str, compared: bool
) -> tuple[list[str], list[str]]:
    """Return sentences on how predictions were split, measured and compared, and the keys of their references."""
    scores = next(iter(runs.values()))
    sentences = [_describe_split(scores, protocol)]
    cited = ["jackknife"]
    if leaky:
        sentences.append(f"This protocol is not free of leaks: {leaky.rstrip('.')}.")
    if any("classification" in entry for entry in runs.values()):
        cited.append("calibration")
        sentences.append(
            "We report accuracy, balanced accuracy (the unweighted mean of the classes' recalls), macro F1, areas "
            "under one-against-rest ROC curves, and the expected calibration error over 15 bins of equal width "
            "(Guo et al., 2017). The baseline always predicts the most frequent class of the training faces."
        )
    if any("valence_arousal" in entry for entry in runs.values()):
        cited.append("ccc")
        sentences.append(
            "For valence and arousal we report the concordance correlation coefficient (Lin, 1989), Pearson's "
            "correlation, the root mean squared error and the agreement of signs."
        )
    if len(scores["folds"]) > 1:
        sentences.append("Means over folds are given with the 95 % interval of Student's t over folds.")
    sentences.append(
        "Metrics over all test faces have 95 % intervals from the jackknife over subjects with Student's t (Tukey, "
        f"1958); with fewer than {FEWEST_GROUPS} subjects there is none."
    )
    if compared:
        several = len(scores["folds"]) > 1
        cited += ["mcnemar", *["corrected"] * several, "holm"]
        over_folds = " and the corrected resampled t test over folds (Nadeau and Bengio, 2003)" * several
        sentences.append(
            f"Methods are compared by McNemar's exact test (McNemar, 1947){over_folds}, p-values adjusted after Holm "
            "(1979)."
        )
    return sentences, cited


def _describe_split(scores: Mapping[str, Any], protocol: str | None) -> str:
    folds: Sequence[int] = scores["folds"]
    people = f"{scores['subjects']:,} subjects" if scores["subjects"] else "unknown subjects"
    faces = f"{scores['faces']:,} faces of {people}"
    if protocol == "leave-one-subject-out":
        return f"Every one of {faces} was predicted by a model trained without that subject (leave one subject out)."
    if len(folds) > 1:
        return (
            f"Methods were evaluated by subject-independent {len(folds)}-fold cross-validation: each of {faces} was "
            "predicted by a model trained on the other folds, which hold none of that subject's faces."
        )
    return f"Methods were evaluated on {faces} of whom the models had seen no face."
