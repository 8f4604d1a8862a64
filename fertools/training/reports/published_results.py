"""What papers report, to stand beside our numbers, and what each logged term means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TERMS = {
    "D/loss_real": "Minus the critic's mean on real faces. The lower, the surer it is that they are real.",
    "D/loss_fake": "The critic's mean on made faces. The lower, the surer it is that they are made.",
    "D/loss_cls": "Cross-entropy of the discriminator's expression head on real faces; guessing gives 1.946.",
    "D/loss_va": "Squared error of the discriminator's valence and arousal on real faces.",
    "D/loss_gp": "Gradient penalty, before its weight.",
    "G/loss_fake": "Minus the critic's mean on made faces, seen from the generator.",
    "G/loss_rec": "Mean absolute difference between a face and its translation there and back, on the scale -1 to 1.",
    "G/loss_cls": "Cross-entropy of the discriminator's head on made faces for the expression asked for.",
    "G/loss_va": "Squared error of the discriminator's reading of made faces for the valence and arousal asked for.",
    "loss": "What is minimised.",
    "loss_emotion": "Cross-entropy of the expressions; guessing among seven gives 1.946.",
    "loss_va": "Loss of valence and arousal: 1 - CCC of the batch, or the squared error.",
    "val/uar_and_ccc": "Mean of UAR and CCC, of people kept for validation.",
    "val/uar": "Unweighted mean of the classes' recalls, of people kept for validation.",
    "val/ccc": "Mean CCC of valence and arousal, of people kept for validation.",
    "val/accuracy": "Share of right decisions, of people kept for validation.",
    "val/macro_f1": "Mean F1 of the classes, of people kept for validation.",
    "val/ccc_valence": "CCC of valence, of people kept for validation.",
    "val/ccc_arousal": "CCC of arousal, of people kept for validation.",
    "val/read_as_asked": "Share of made faces of validation people that the judge reads as what was asked for.",
}
"""What a reader is told of each term of a loss, in the order of the charts."""


@dataclass(frozen=True)
class Published:
    """What a paper reports.

    Attributes:
        parameters: counts by network.
        losses: values at the last iteration, by the names that we log them under.
        iterations: how many there were.
    """

    parameters: Mapping[str, int]
    losses: Mapping[str, float]
    iterations: int


PAPERS = {
    "stargan": Published(
        parameters={"generator": 8_436_800, "discriminator": 44_735_424},
        losses={
            "D/loss_real": -69.1152,
            "D/loss_fake": 22.4376,
            "D/loss_cls": 0.0002,
            "D/loss_gp": 1.2612,
            "G/loss_fake": -25.4440,
            "G/loss_rec": 0.1537,
            "G/loss_cls": 1.2868,
        },
        iterations=20_000,
    )
}
"""By system. Source of stargan: Banerjee (2019), the table of parameters and the log of the last iteration."""
