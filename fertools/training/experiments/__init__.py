"""Experiments: a paper's whole protocol, as a graph of training runs over folds."""
