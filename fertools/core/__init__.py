"""Base of every other package: errors, atomic files, hashing, workspace, progress, package data."""
