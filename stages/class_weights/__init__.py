"""Computes how much an image of each label counts in training."""
