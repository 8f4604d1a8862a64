"""The text on a classifier for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import OPTIMISERS, SCHEDULES, values

_NETWORKS = {
    "resnet": "He, K., Zhang, X., Ren, S., Sun, J. (2016). Deep residual learning for image recognition. CVPR.",
    "vgg": "Simonyan, K., Zisserman, A. (2015). Very deep convolutional networks for large-scale image "
    "recognition. ICLR.",
    "alexnet": "Krizhevsky, A., Sutskever, I., Hinton, G. (2012). ImageNet classification with deep "
    "convolutional neural networks. NeurIPS.",
}

_ATTENTION = (
    "Zagoruyko, S., Komodakis, N. (2017). Paying more attention to attention: Improving the performance of "
    "convolutional neural networks via attention transfer. ICLR."
)
_CROPS = "Its predictions are means over ten crops of each face."


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of a classifier."""
    value = values(record)
    network = str(value("network"))
    key = next((key for key in _NETWORKS if network.startswith(key)), None)
    width = "" if value("width") == 1 else f", its channels multiplied by {value('width'):g}"
    weights = value("pretrained")
    begun = f"beginning with the weights {weights}" if weights else "from random weights"
    size = value("image_size")
    cited = (_NETWORKS[key],) if key else ()
    tested = (_CROPS,) if value("test_crops") == "ten" else ()
    if not value("epochs"):
        return MethodsText(
            (f"{name} is {network}{width} with the weights {weights}, which were not trained further.", *tested), cited
        )
    sentences = [
        f"{name} is {network}{width}, trained {begun} for at most {value('epochs'):g} epochs on faces of {size} × "
        f"{size} pixels in batches of {value('batch_size')}, by {OPTIMISERS[value('optimiser')]} with a learning rate "
        f"of {value('lr'):g}, {SCHEDULES[value('lr_schedule')]}."
    ]
    if (teacher := value("teacher")) and value("beta"):
        sentences.append(
            f"It also learned the attention maps of the network {teacher} (Zagoruyko and Komodakis, 2017), with a "
            f"weight of {value('beta'):g} in the form {value('at_form')}."
        )
        cited = (*cited, _ATTENTION)
    if share := value("val_share"):
        sentences.append(
            f"The best epoch was chosen on {share:.0%} of the training subjects, who had no other part in training."
        )
    return MethodsText((*sentences, *tested), cited)
