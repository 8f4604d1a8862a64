"""The text on a CycleAT for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.cycleat.recipe import NORMAL, RANDOM, TEACHER
from fertools.training.systems.cyclegan.methods import count_faces, describe_two_way
from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import values

_CYCLEAT = (
    "Zhang, F., Zhang, T., Mao, Q., Duan, L., Xu, C. (2018). Facial expression recognition in the wild: A "
    "cycle-consistent adversarial attention transfer approach. ACM Multimedia."
)
_ATTENTION = (
    "Zagoruyko, S., Komodakis, N. (2017). Paying more attention to attention: Improving the performance of "
    "convolutional neural networks via attention transfer. ICLR."
)
_CYCADA = (
    "Hoffman, J., Tzeng, E., Park, T., Zhu, J.-Y., Isola, P., Saenko, K., Efros, A. A., Darrell, T. (2018). CyCADA: "
    "Cycle-consistent adversarial domain adaptation. ICML."
)
_SHOWN = {"source": "the source faces", "generated": "the translations"}


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of a CycleAT: its generators, and its classifier."""
    value = values(record)
    first, second = value("stage1_iterations"), value("stage2_iterations")
    joint = second if value("stage2_trains") == "all" else 0
    cycle = value("lambda_cycle") * (3 * value("image_size") ** 2 if value("reduction") == "sum" else 1)
    text = describe_two_way(
        name,
        "a CycleAT (Zhang et al., 2018), a CycleGAN (Zhu et al., 2017) with a classifier of its translations",
        record,
        f" Source faces were those of the dataset {value('source_dataset')}, target faces those of "
        f"{value('target_dataset')}.",
        (cycle, cycle * value("lambda_identity")),
        f"for {first + joint:,} iterations of {count_faces(value('gan_batch'))}",
    )
    if not second:
        return MethodsText((*text.sentences, "Its classifier was not trained."), (_CYCLEAT, *text.references))
    together = "together with the generators" if joint else "by itself"
    sentences = [
        f"Its classifier, a {value('network')}, began with {_begun(value('start'), value('teacher'))} and was then "
        f"trained {together} for {second:,} iterations, on {value('batch_size')} translated source faces each, whose "
        "labels are those of the source faces."
    ]
    cited = [_CYCLEAT]
    if beta := value("beta"):
        sentences.append(
            f"It also learned the attention maps (Zagoruyko and Komodakis, 2017) of {_teacher(value('teacher'))} on "
            f"{_SHOWN[value('at_teacher_input')]}, with a weight of {beta:g} in the form {value('at_form')}."
        )
        cited.append(_ATTENTION)
    if joint and (guard := value("guard")):
        sentences.append(
            "Its loss did not train the generators while its cross-entropy on real source faces was above "
            f"{guard:g}, as in CyCADA (Hoffman et al., 2018)."
        )
        cited.append(_CYCADA)
    return MethodsText((*text.sentences, *sentences), (*cited, *text.references))


def _begun(start: str, teacher: str) -> str:
    if start == NORMAL:
        return "random weights"
    return f"the weights of {_teacher(teacher)}" if start == TEACHER else f"the weights {start}"


def _teacher(name: str) -> str:
    return "a network with random weights, which has learned nothing" if name == RANDOM else f"the classifier {name}"
