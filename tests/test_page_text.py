"""Text that is put into a page."""

import pytest

from stages.page_text import harmless, original


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("glass", "glass"),
        ("</script>", "<\u2060/script>"),
        ("{plot_divs} <!--", "{\u2060plot_divs} <\u2060!--"),
    ],
)
def test_nothing_is_opened_and_the_text_comes_back(text: str, expected: str) -> None:
    assert harmless(text) == expected
    assert original(expected) == text
