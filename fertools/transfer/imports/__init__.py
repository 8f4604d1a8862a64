"""Take a dataset back: make a manifest of what an export handed on."""
