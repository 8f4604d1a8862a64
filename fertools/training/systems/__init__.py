"""The systems that can be trained; each has a folder."""
