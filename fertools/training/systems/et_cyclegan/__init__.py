"""ET-CycleGAN: a CycleGAN that also keeps features of the face and of its expression."""

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
            "Distance of a generated source face from the real one in features of the face network, before its weight."
        ),
        "G/loss_emotion_features": (
            "Distance of a generated target face from the real one in features of the emotion network, before its "
            "weight."
        ),
    },
)
