"""The text on a CycleGAN for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import SCHEDULES, values

_CYCLEGAN = (
    "Zhu, J.-Y., Park, T., Isola, P., Efros, A. A. (2017). Unpaired image-to-image translation using cycle-consistent "
    "adversarial networks. ICCV."
)
_LSGAN = (
    "Mao, X., Li, Q., Xie, H., Lau, R. Y. K., Wang, Z., Smolley, S. P. (2017). Least squares generative adversarial "
    "networks. ICCV."
)
_PAIRS = {
    "none": "",
    "label": " These came in pairs of the same expression.",
    "capture": " These came in pairs of the same moment.",
}
_MODES = {
    "lsgan": "a least-squares adversarial loss (Mao et al., 2017)",
    "vanilla": "a cross-entropy adversarial loss",
}


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of a CycleGAN."""
    value = values(record)
    weights = value("lambda_cycle"), value("lambda_cycle") * value("lambda_identity")
    return describe_two_way(name, "a CycleGAN (Zhu et al., 2017)", record, _PAIRS[value("pairing")], weights)


def describe_two_way(
    name: str, kind: str, record: Mapping[str, Any], pairs: str, weights: tuple[float, float], length: str = ""
) -> MethodsText:
    """Return the part of the methods text that CycleGAN and the systems built on it share.

    Args:
        name: name of the model for readers.
        kind: kind of the model, with an article.
        record: record of its run.
        pairs: a sentence on the pairing of both domains, with a space before it; empty for none.
        weights: weights of the cycle loss and of the identity loss.
        length: how long it was trained; empty for its epochs.
    """
    value = values(record)
    size = value("image_size")
    if not length:
        epochs = value("epochs") + value("decay_epochs")
        length = f"for {epochs} epochs ({record['iterations']:,} iterations of {count_faces(value('batch_size'))})"
    schedule = SCHEDULES[value("lr_schedule")]
    if value("lr_schedule") == "epochs":
        schedule = f"falling in equal steps over the last {value('decay_epochs')} epochs"
    cycle, identity = weights
    sentences = (
        f"{name} is {kind}, trained to translate {value('source')} faces to {value('target')} "
        f"faces and back, at {size} × {size} pixels, {length}.{pairs}",
        f"Its generators have {value('generator_blocks')} residual blocks, its discriminators "
        f"{value('discriminator_layers')} strided layers.",
        f"It was trained with {_MODES[value('gan_mode')]}, a cycle loss of weight {cycle:g}, an "
        f"identity loss of weight {identity:g}, and a pool of "
        f"{value('pool_size')} generated faces, by Adam (β1 = {value('beta1'):g}, β2 = {value('beta2'):g}) with a "
        f"learning rate of {value('lr'):g}, {schedule}.",
    )
    return MethodsText(sentences, (_CYCLEGAN, _LSGAN) if value("gan_mode") == "lsgan" else (_CYCLEGAN,))


def count_faces(count: int) -> str:
    """Return the size of a batch in words, such as `1 face of each domain`."""
    return f"{count} face{'' if count == 1 else 's'} of each domain"
