"""The expressions that a system tells apart, as a recipe's key names them."""

from __future__ import annotations

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest
from fertools.core.vocabulary import EMOTIONS

CLASS_SETS = {
    "seven": EMOTIONS,
    "six": tuple(emotion for emotion in EMOTIONS if emotion != "neutral"),
    "ck+": tuple(sorted({*EMOTIONS, "contempt"} - {"neutral"})),
}
"""Sets of classes that have a name."""


def read_classes(text: str) -> tuple[str, ...]:
    """Return the classes of the key `classes`: the name of a set, or labels separated by commas.

    Raises:
        RecipeError: fewer than two, one twice, or none of these.

    Example:
        >>> read_classes("happiness, pain")
        ('happiness', 'pain')
    """
    if text in CLASS_SETS:
        return CLASS_SETS[text]
    names = tuple(name.strip() for name in text.split(","))
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise RecipeError(
            f"classes is '{text}'{nearest(text, CLASS_SETS)}; give {', '.join(CLASS_SETS)}, or two or more labels "
            "separated by commas, each once"
        )
    return names
