"""ET-CycleGAN: a CycleGAN whose generators also keep the features of the face and of its expression."""

from fertools.training.systems.cyclegan import ENTRY as CYCLEGAN
from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="ET-CycleGAN",
    source=(
        "Pons, El Ali, Cesar, ET-CycleGAN: Generating Thermal Images from Images in the Visible Spectrum for Facial "
        "Emotion Recognition (ICMI 2020 Companion)"
    ),
    recipe="fertools.training.systems.et_cyclegan.recipe:EtCycleganRecipe",
    system="fertools.training.systems.et_cyclegan.system:EtCyclegan",
    methods="fertools.training.systems.et_cyclegan.methods:describe",
    terms={
        **CYCLEGAN.terms,
        "G/loss_face_features": (
            "How unlike a generated source face and the real one are to the face network; unweighted."
        ),
        "G/loss_emotion_features": (
            "How unlike a generated target face and the real one are to the emotion network; unweighted."
        ),
    },
)
