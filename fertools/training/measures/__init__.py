"""Measures of predictions, as plain functions of arrays: what each is, and how sure one may be of it."""
