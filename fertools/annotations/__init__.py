"""Annotations: ratings of people, imports and exports of labels, priors, agreement and consensus."""
