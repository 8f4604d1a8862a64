"""Evaluation of predictions and of generated faces."""
