"""Splits the images into train, val and test."""
