"""Unpaired visible and thermal recognition: a thermal classifier guides a visible one through two discriminators."""

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
        "visible/loss_h": "How far visible features are from passing for thermal ones (L_h), without its factor.",
        "visible/loss_l": "How far visible predictions are from passing for thermal ones (L_l), without its factor.",
        "visible/loss_r": "Mean squared error of faces decoded from the visible features (L_r), without its factor.",
        "visible/loss_pair": "Squared distance of both predictions of a moment, without its factor; paired baselines.",
        "visible/weight": "Mean adaptive weight over the epoch so far; from 1 to 1.693.",
        "thermal/loss_class": "Cross-entropy of the thermal network.",
        "thermal/loss_h": "How far the thermal features are from passing for visible ones; with thermal=joint.",
        "thermal/loss_l": "How far the thermal predictions are from passing for visible ones; with thermal=joint.",
        "thermal/loss_pair": "Squared distance of both predictions of one moment; paired baselines, thermal=joint.",
        "D/loss_h": "Loss of the discriminator of features; 1.386 where it guesses.",
        "D/loss_l": "Loss of the discriminator of predictions; 1.386 where it guesses.",
    },
)
