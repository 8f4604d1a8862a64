"""The text on a StarGAN for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import SCHEDULES, values

_STARGAN = (
    "Choi, Y., Choi, M., Kim, M., Ha, J., Kim, S., Choo, J. (2018). StarGAN: unified generative "
    "adversarial networks for multi-domain image-to-image translation. CVPR."
)
_WGAN_GP = (
    "Gulrajani, I., Ahmed, F., Arjovsky, M., Dumoulin, V., Courville, A. (2017). Improved training "
    "of Wasserstein GANs. NeurIPS."
)
_CONDITIONS = {
    "class7": "the seven expressions",
    "va2": "valence and arousal",
    "class7+va2": "the seven expressions together with valence and arousal",
}


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of a StarGAN."""
    value = values(record)
    size = value("image_size")
    penalty = value("gp") == "wgan-gp"
    how = f"with {'gradient penalty (Gulrajani et al., 2017)' if penalty else 'penalty ' + str(value('gp'))}"
    sentence = (
        f"{name} is a StarGAN (Choi et al., 2018), trained to translate faces of {size} × {size} pixels to "
        f"{_CONDITIONS[value('condition')]}, for {record['iterations']:,} iterations of {value('batch_size')} faces: "
        f"{value('n_critic')} updates of the discriminator, {how}, to one of the generator, "
        f"by Adam (β1 = {value('beta1'):g}, β2 = {value('beta2'):g}) with a learning rate of {value('lr'):g}, "
        f"{SCHEDULES[value('lr_schedule')]}. Weights of the losses: {value('lambda_cls'):g} for the condition, "
        f"{value('lambda_rec'):g} for the reconstruction."
    )
    return MethodsText((sentence,), (_STARGAN, _WGAN_GP) if penalty else (_STARGAN,))
