"""CycleAT: laboratory faces that look like faces of the web train a classifier, which attends like a teacher."""

from fertools.training.systems.cyclegan import ENTRY as CYCLEGAN
from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="CycleAT",
    source=(
        "Zhang et al., Facial Expression Recognition in the Wild: A Cycle-Consistent Adversarial Attention Transfer "
        "Approach (ACM Multimedia 2018)"
    ),
    recipe="fertools.training.systems.cycleat.recipe:CycleatRecipe",
    system="fertools.training.systems.cycleat.system:Cycleat",
    methods="fertools.training.systems.cycleat.methods:describe",
    terms={
        **CYCLEGAN.terms,
        "classifier/loss_class": "Cross-entropy of the classifier on generated faces; guessing among seven gives "
        "1.946.",
        "classifier/loss_attention": "Distance of the attention of the classifier from that of the teacher, before its "
        "weight.",
        "classifier/loss_real": "Cross-entropy of the classifier on real source faces. It trains nothing; the guard "
        "compares it with its limit.",
        "classifier/guard_open": "1 if the loss of the classifier trains the generator in this iteration, 0 if the "
        "guard stops it.",
    },
)
