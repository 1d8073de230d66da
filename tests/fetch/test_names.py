"""Names of labels and photos: which ones every system can hold, and how they are shown."""

import unicodedata

import pytest

from stages.fetch.names import collision_key, problem_of_name, shown


@pytest.mark.parametrize(
    "name",
    [
        "glass",
        "1.jpg",
        "Bottle No. 1 (green) & more",
        "console.jpg",
        "com.jpg",
        "COM10",
        "nullable",
        "Flasche grün.jpg",
        "瓶子.jpg",
        "♻",
        "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}.jpg",
        "a\N{IDEOGRAPHIC SPACE}b",
        "é" * 127,
    ],
)
def test_names_of_every_system(name: str) -> None:
    assert problem_of_name(name) is None


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["CON", "con", "aux.jpg", "NUL.tar.gz", "Com1", "lpt9.png", "COM\u00b2"], "of a device"),
        (["nul .jpg", "CONIN$"], "of a device"),
        (["a:b.jpg"], "has a : in"),
        (["a\\b"], "has a \\ in"),
        (["what?"], "has a ? in"),
        (["<!--<script>", "</script>"], "has a < in"),
        (['say "x"'], 'has a " in'),
        (["glass ", " glass", "glass\u00a0", "\u3000glass"], "has a blank at an end"),
        (["glass.", "a..."], "has a dot at the end"),
        (["a\nb", "a\x1b[2J", "\x7f", "a\x85b", "a\u2028b"], "has a control character"),
        (["\udce9"], "is not plain UTF-8"),
        (["x" * 256, "é" * 128], "has a name of more than 255 bytes"),
    ],
)
def test_names_that_some_system_refuses(names: list[str], problem: str) -> None:
    for name in names:
        assert problem in str(problem_of_name(name))


def test_a_name_that_grows_when_composed_is_measured_so() -> None:
    # Of 3 bytes, and of 6 in composed form, which Unicode excludes from composition.
    name = "\N{DEVANAGARI LETTER QA}" * 50
    assert len(name.encode()) == 150
    assert len(unicodedata.normalize("NFC", name).encode()) == 300
    assert "more than 255 bytes" in str(problem_of_name(name))


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("Glass", "gLASS"),
        ("é", "e\u0301"),
        ("É", "e\u0301"),
        ("straße", "STRASSE"),
        ("glass", "glass\N{ZERO WIDTH SPACE}"),
        ("glass", "\N{ZERO WIDTH NO-BREAK SPACE}Glass"),
    ],
)
def test_what_nobody_can_tell_apart_collides(name: str, twin: str) -> None:
    assert collision_key(name) == collision_key(twin)


def test_other_names_do_not_collide() -> None:
    names = ["glass", "glas", "glaß", "gläss", "glass 1"]
    assert len({collision_key(name) for name in names}) == 4, "glaß is glass in capitals"


def test_what_cannot_be_printed_is_shown_escaped() -> None:
    assert shown("Flasche grün/\x1b[2J\r\n\u202e\udce9.jpg") == (
        r"Flasche grün/\x1b[2J\r\n\u202e\udce9.jpg"
    )
