"""The text on an ET-CycleGAN for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.cyclegan.methods import describe_two_way
from fertools.training.systems.entry import MethodsText
from fertools.training.systems.et_cyclegan.recipe import RANDOM
from fertools.training.systems.methods_terms import values

_ET_CYCLEGAN = (
    "Pons, G., El Ali, A., Cesar, P. (2020). ET-CycleGAN: Generating thermal images from images in the visible "
    "spectrum for facial emotion recognition. ICMI Companion."
)
_PAIRS = {
    "capture": " These came in pairs of the same moment, and their features were compared within a pair.",
    "label": " These came in pairs of the same expression, and features of expressions were compared within a pair.",
    "none": " The source and target faces with compared features were drawn independently.",
    "cycle": " Features of each face were compared with the features of its reconstruction.",
}
_LAYERS = {"uniform": "equally weighted", "pix2pixhd": "with the weights 1/32, 1/16, 1/8, 1/4 and 1"}
_FEATURES = {"logits": "the logits", "pooled": "the pooled features", "layer4": "the last feature map"}


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of an ET-CycleGAN and on its feature networks."""
    value = values(record)
    literal = value("weights") == "literal"

    def weight(number: float) -> float:
        return float(bool(number)) if literal else number

    cycle, identity = weight(value("lambda_cycle")), weight(value("lambda_cycle") * value("lambda_identity"))
    kind = "an ET-CycleGAN (Pons et al., 2020), a CycleGAN (Zhu et al., 2017) with losses on features"
    text = describe_two_way(name, kind, record, _PAIRS[value("pairing")], (cycle, identity))
    face = 0.0 if value("pairing") == "label" else weight(value("lambda_face"))
    emotion = weight(value("lambda_emotion"))
    sentences = []
    if face:
        sentences.append(
            f"The loss on features of the face, of weight {face:g}, compared five layers of {value('face_net')}, "
            f"{_LAYERS[value('face_layer_weights')]}, with {_described(value('face_weights') or value('face_net'))}."
        )
    if emotion:
        sentences.append(
            f"The loss on features of the expression, of weight {emotion:g}, compared "
            f"{_FEATURES[value('emotion_features')]} of a classifier with {_described(value('emotion_net'))}."
        )
    if not (face or emotion):
        sentences.append("No features were compared.")
    return MethodsText((*text.sentences, *sentences), (_ET_CYCLEGAN, *text.references))


def _described(weights: str) -> str:
    if weights == RANDOM:
        return "random weights, which have learned nothing, so that this loss means nothing"
    return f"the weights {weights}"
