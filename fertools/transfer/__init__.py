"""Workspaces between places: push, pull and merge."""
