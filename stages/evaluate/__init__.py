"""Applies the model to the test split and says how good it is."""
