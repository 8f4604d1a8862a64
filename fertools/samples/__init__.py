"""Draw a dataset of invented people, with exact ground truth."""
