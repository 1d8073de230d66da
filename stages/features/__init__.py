"""Computes the features of every image with the frozen backbone."""
