"""Pictures within the page itself: no file holds them that others could ask for."""

import base64
import io

from PIL import Image

_QUALITY = 85


def smaller(image: Image.Image, side: int) -> Image.Image:
    """Return a copy whose sides are at most so many pixels long."""
    copy = image.copy()
    copy.thumbnail((side, side), Image.Resampling.BILINEAR)
    return copy


def data_uri(image: Image.Image) -> str:
    """Return an RGB image as the address of a JPEG that holds its own content (RFC 2397)."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
