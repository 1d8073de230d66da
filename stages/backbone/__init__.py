"""Brings the pretrained weights of the backbone into the pipeline."""
