"""Faces found, aligned, followed and measured."""
