"""Predictions and generated faces, measured."""
