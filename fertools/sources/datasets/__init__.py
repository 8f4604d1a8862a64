"""Published datasets by name: descriptors (`manifests/*.toml`), and the reading of folders by them."""
