"""Recipes: every setting of a training run, with its origin."""
