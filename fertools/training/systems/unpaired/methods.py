"""The text on unpaired recognition for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import SCHEDULES, values

_PAPER = "Xia, B., Wang, S. (2020). Unpaired multimodal facial expression recognition. ACCV."
_RESNET = "He, K., Zhang, X., Ren, S., Sun, J. (2016). Deep residual learning for image recognition. CVPR."
_WORDS = {
    "v": "the cross-entropy",
    "a": "the cross-entropy weighted by the entropy of the discriminators",
    "h": "an adversarial loss on features",
    "l": "an adversarial loss on predictions",
    "r": "a reconstruction loss",
}
_PAIRED = {
    "wang": "the cross-entropy and the squared distance of both predictions of one moment",
    "pan": "the cross-entropy, the squared distance of both predictions of one moment, and an adversarial loss on "
    "features",
}
_UNITS = {
    "off": "",
    "subject": " Visible and thermal training faces were of different subjects.",
    "sample": " Visible and thermal training faces were of different moments.",
}


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of a visible classifier with thermal faces."""
    value = values(record)
    size, lr = value("image_size"), f"{value('lr'):g}"
    terms = [term.strip() for term in value("losses").split(",")]
    losses = _PAIRED.get(value("paired")) or ", ".join(_WORDS[term] for term in terms)
    begun = [f"{modality} network with {value(f'{modality}_start')}" for modality in ("visible", "thermal")]
    begun = [words for words in begun if not words.endswith("with ")]
    kept = "kept fixed" if value("thermal") == "frozen" else "trained on"
    visible = value("visible_modality")
    sentences = (
        f"{name} follows Xia and Wang (2020): a {value('network')} (He et al., 2016) on {visible} faces of {size} × "
        f"{size} pixels is guided in training by one on {value('thermal_modality')} faces, and tested on {visible} "
        f"faces alone.{_UNITS[value('unpaired_unit')]}",
        f"Both networks were trained by themselves for {value('stage1_epochs')} epochs"
        f"{', beginning the ' + ' and the '.join(begun) if begun else ' from random weights'}; then the "
        f"{value('thermal_modality')} network was {kept} for {value('stage2_epochs')} epochs, in which the other "
        f"minimised {losses}.",
        f"The optimiser was SGD with momentum (momentum {value('momentum'):g}, weight decay "
        f"{value('weight_decay'):g}) with batches of {value('batch_size')} faces and a learning rate of {lr}, "
        f"{SCHEDULES[value('lr_schedule')]} in each stage; that of the discriminators was Adam with "
        f"{value('discriminator_lr'):g}.",
    )
    return MethodsText(sentences, (_PAPER, _RESNET))
