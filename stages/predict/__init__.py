"""Applies the classifier to the val and test images."""
