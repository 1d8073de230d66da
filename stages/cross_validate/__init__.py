"""Scores every image by a head that has seen neither it nor its group."""
