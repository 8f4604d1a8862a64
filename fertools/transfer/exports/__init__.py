"""Hand a dataset on: write its faces in the layouts that other tools read."""
