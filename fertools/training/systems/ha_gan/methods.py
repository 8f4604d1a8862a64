"""The text on an HA-GAN for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import SCHEDULES, values

_PAPER = (
    "Ali, K., Isler, I., Hughes, C. (2019). Facial expression recognition using human to animated-character expression "
    "translation."
)
_PIX2PIX = (
    "Isola, P., Zhu, J.-Y., Zhou, T., Efros, A. A. (2017). Image-to-image translation with conditional adversarial "
    "networks. CVPR."
)
_HEADS = {
    "split": "the head for real or generated saw the pair of human and animated face, and the expression head the "
    "animated face alone",
    "pair": "both heads of the discriminator saw the pair of human and animated face",
    "generated": "both heads of the discriminator saw the animated face alone",
}
_TARGETS = {
    "neutral": "a neutral picture of the character",
    "expression": "a picture of the character with the same expression",
}


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of an HA-GAN, or of its baseline."""
    value = values(record)
    size, angles = value("image_size"), {"literal": "±150°", "tenth": "±15°"}.get(value("rotations"))
    crops = f"five crops of faces of {value('load_size')} × {value('load_size')} pixels"
    crops += f", rotated by up to {angles} in eleven steps" if angles else ""
    crops += ", and mirrored" if value("flip") else ""
    training = (
        f"It was trained by Adam (β1 = {value('beta1'):g}, β2 = {value('beta2'):g}) with batches of "
        f"{value('batch_size')} faces and a learning rate of {value('lr'):g}, {SCHEDULES[value('lr_schedule')]}, for "
        f"{value('epochs')} passes over {crops}."
    )
    if value("method") == "baseline":
        first = (
            f"{name} is the baseline of HA-GAN: the convolutions and the expression head of its discriminator on "
            f"{value('human')} faces of {size} × {size} pixels, trained with the cross-entropy."
        )
        return MethodsText((first, training), (_PAPER,))
    character = f"the character {value('character')}" if value("character") else "an animated character"
    pixels = ""
    if value("lambda_pixel"):
        norm = "absolute" if value("pixel_loss") == "l1" else "squared"
        weight = "of weight 1 on the sum" if value("weights") == "literal" else f"of weight {value('lambda_pixel'):g}"
        pixels = f", and the {norm} difference to {_TARGETS[value('l1_target')]} {weight}"
    sentences = (
        f"{name} is an HA-GAN (Ali et al., 2019): a generator draws {character} with the expression of a "
        f"{value('human')} face of {size} × {size} pixels, and a head of the discriminator recognises the expression; "
        f"{_HEADS[value('d_input')]}.",
        f"The generator had a code of {value('code_dim')} numbers and noise of {value('z_dim')}, and minimised the "
        f"cross-entropy of the expression{', an adversarial loss' if value('lambda_real') else ''}{pixels}.",
        training,
    )
    return MethodsText(sentences, (_PAPER, _PIX2PIX) if value("l1_target") == "expression" else (_PAPER,))
