"""The engine: the loop, its state on disk, its journal and its sample grids. It knows no model."""
