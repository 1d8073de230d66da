"""Computes the features of augmented views of every image with the frozen backbone."""
