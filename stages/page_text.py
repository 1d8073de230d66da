"""Text that opens nothing in the page of plots.

DVC puts the data of plots into the script of a page, which `</script>` or `<!--` in a label or a
file name would end, and fills what looks like a placeholder of that page. What opens a tag or a
placeholder opens nothing before a word joiner, which has no width: the text looks the same.
"""

WORD_JOINER = "\u2060"
OPENING = "<{"


def harmless(text: str) -> str:
    """Return a text that opens nothing."""
    return text.translate({ord(sign): sign + WORD_JOINER for sign in OPENING})


def original(text: str) -> str:
    """Return the text that `harmless` was given."""
    for sign in OPENING:
        text = text.replace(sign + WORD_JOINER, sign)
    return text
