"""Finds out how to tell a photo that is unlike the training ones."""
