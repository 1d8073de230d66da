"""What `python -m waste_classifier` does."""
