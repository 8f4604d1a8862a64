"""The classifier: one network that predicts the expression, valence and arousal, or both."""

from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="Classifier",
    source="Pons, El Ali, Cesar, ET-CycleGAN (ICMI 2020), the classifier; networks of He (2016), Simonyan (2015), "
    "Krizhevsky (2014)",
    recipe="fertools.training.systems.classifier.recipe:ClassifierRecipe",
    system="fertools.training.systems.classifier.system:Classifier",
    methods="fertools.training.systems.classifier.methods:describe",
    terms={
        "loss": "The total loss.",
        "loss_emotion": "Cross-entropy of the expressions; guessing among seven gives 1.946.",
        "loss_attention": "Distance of the attention maps from those of the teacher, before its weight.",
        "loss_va": "Loss of valence and arousal: 1 - CCC of the batch, or the squared error.",
    },
)
