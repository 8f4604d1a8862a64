"""Subject-independent folds and hold-outs, and the search for leaks."""
