"""Ingest: build a manifest from sources, by a plan, a pipeline and committed parts."""
