"""Finds the pairs of images that show the same thing."""
