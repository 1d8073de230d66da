"""Whether the scan of a JPEG is whole: of a damaged one, decoders show what is left."""

import simplejpeg

#: Of the height of a photo: whose lower part is missing above this share is refused.
MOST_MISSING = 0.1
#: What the decoder shows where there is no scan: all coefficients 0.
_MISSING_GREY = 128


def damage_of_scan(content: bytes) -> tuple[str, float]:
    """Return what is wrong with the scan of a JPEG, and the share of its height that is missing.

    Bits of a scan are no checksum: of single ones that are wrong, most make another photo without
    a fault. What libjpeg-turbo warns of is a scan that ends early or can't be what was written.

    Args:
        content: of a JPEG that can be decoded.

    Returns:
        What the decoder warns of, empty where it does not; and the share, 0 to 1, at the bottom of
        the photo as it is stored.
    """
    try:
        # An eighth of width and height: the scan is read whole, in a quarter of the time.
        simplejpeg.decode_jpeg(content, "GRAY", min_height=1, min_width=1)
    except ValueError as warning:
        try:
            pixels = simplejpeg.decode_jpeg(
                content, "GRAY", min_height=1, min_width=1, strict=False
            )
        # A kind of JPEG that this interface of the decoder does not know.
        except ValueError:
            return "", 0.0
        has_scan = (pixels != _MISSING_GREY).any(axis=(1, 2))
        rows = int(has_scan.nonzero()[0].max(initial=-1)) + 1
        return str(warning), 1 - rows / len(pixels)
    return "", 0.0
