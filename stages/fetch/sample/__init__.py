"""The project's own image set: drawn objects of the six materials, photographed several times.

It stands in for TrashNet where that can't be had: labels as rare as there, several photos of one
object, and materials that share shapes and colours.
"""

from stages.fetch.sample.layout import draw_sample

__all__ = ["draw_sample"]
