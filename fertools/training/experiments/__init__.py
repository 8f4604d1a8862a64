"""Experiments: the whole protocol of a paper, as a graph of steps over folds."""
