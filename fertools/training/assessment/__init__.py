"""How good a translator is: what it made of held-out faces, what other networks see in that, and the figures."""
