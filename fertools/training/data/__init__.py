"""Faces of a manifest as batches on a device."""
