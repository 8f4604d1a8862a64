"""Unpaired recognition: a thermal classifier guides the training of a visible one through two discriminators."""

from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="Unpaired multimodal recognition",
    source="Xia, Wang, Unpaired Multimodal Facial Expression Recognition (ACCV 2020)",
    recipe="fertools.training.systems.unpaired.recipe:UnpairedRecipe",
    system="fertools.training.systems.unpaired.system:Unpaired",
    methods="fertools.training.systems.unpaired.methods:describe",
    terms={
        "visible/loss_class": "Cross-entropy of the visible network, without the adaptive weight (L_v).",
        "visible/loss_weighted": "Cross-entropy of the visible network times the adaptive weight (L_a).",
        "visible/loss_h": "Adversarial loss of visible features (L_h), before its weight. Lower if they look thermal.",
        "visible/loss_l": "Adversarial loss of visible predictions (L_l), before its weight. Lower if they look "
        "thermal.",
        "visible/loss_r": "Mean squared error of faces decoded from the visible features (L_r), before its weight.",
        "visible/loss_pair": "Squared distance of both predictions of one moment, before its weight; paired baselines.",
        "visible/weight": "Mean adaptive weight over the epoch so far; from 1 to 1.693.",
        "thermal/loss_class": "Cross-entropy of the thermal network.",
        "thermal/loss_h": "Adversarial loss of thermal features. Lower if they look visible; thermal=joint only.",
        "thermal/loss_l": "Adversarial loss of thermal predictions. Lower if they look visible; thermal=joint only.",
        "thermal/loss_pair": "Squared distance of both predictions of one moment; paired baselines, thermal=joint.",
        "D/loss_h": "Loss of the discriminator of features; guessing gives 1.386.",
        "D/loss_l": "Loss of the discriminator of predictions; guessing gives 1.386.",
    },
)
