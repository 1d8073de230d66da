"""Puts the classifier together as it is given away."""
