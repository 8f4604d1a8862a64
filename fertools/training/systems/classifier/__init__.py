"""Expression and valence-arousal classifiers."""
