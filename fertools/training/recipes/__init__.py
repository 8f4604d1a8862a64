"""Recipes: every value of a training run, and where it comes from."""
