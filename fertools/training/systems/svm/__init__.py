"""The baseline: hand-crafted features and a linear support vector machine."""

from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="Support vector machine",
    source="HOG of Dalal and Triggs (2005) or LBP of Shan et al. (2009), with a linear support vector machine",
    recipe="fertools.training.systems.svm.recipe:SvmRecipe",
    system="fertools.training.systems.svm.system:Svm",
    methods="fertools.training.systems.svm.methods:describe",
)
