"""MTCNN: three networks in a cascade over an image pyramid."""
