"""The objects: a few kinds for each label, each drawn from its own random numbers.

Labels share shapes and colours on purpose, as waste does: bottles of glass and of plastic, cans
and tubs, white sheets of paper and white trays, foil and foil wrappers, envelopes and cardboard.
"""

from collections.abc import Callable

import numpy as np

from stages.fetch.sample.texture import (
    CANVAS,
    Drawing,
    Field,
    blend,
    blob,
    bump,
    coordinates,
    drawing,
    edge,
    facets,
    paint,
    pick,
    polygon,
    sheet_corners,
    smooth_noise,
    text_lines,
    turned,
)

Draw = Callable[[np.random.Generator], Drawing]

BRIGHT = [
    (0.85, 0.15, 0.15),
    (0.10, 0.35, 0.75),
    (0.95, 0.75, 0.10),
    (0.10, 0.55, 0.30),
    (0.90, 0.45, 0.10),
    (0.55, 0.20, 0.60),
    (0.93, 0.93, 0.93),
]
# Of plastic things: no brown and bottle green, which are glass here, and little white.
VIVID = [
    (0.85, 0.15, 0.20),
    (0.10, 0.35, 0.80),
    (0.98, 0.80, 0.10),
    (0.15, 0.65, 0.75),
    (0.90, 0.40, 0.60),
    (0.55, 0.20, 0.65),
    (0.93, 0.93, 0.93),
]
BROWN = [(0.70, 0.53, 0.35), (0.62, 0.46, 0.30), (0.77, 0.61, 0.43)]
WHITE = [(0.95, 0.95, 0.93), (0.90, 0.89, 0.84), (0.97, 0.97, 0.98)]


def draw_object(label: str, random: np.random.Generator) -> Drawing:
    """Draw one object of `label`, upright in the middle of its canvas."""
    kinds = KINDS[label]
    return kinds[random.integers(len(kinds))](random)


def glass_bottle(random: np.random.Generator) -> Drawing:
    """A bottle or jar: tinted, clear in the middle, dark thick rims, sharp highlights."""
    colour = pick(
        random, [(0.13, 0.38, 0.16), (0.42, 0.22, 0.06), (0.45, 0.72, 0.68), (0.52, 0.74, 0.78)]
    )
    clear = colour.min() > 0.3
    across, outline = turned(_jar(random) if random.random() < 0.3 else _bottle(random))
    rim = np.abs(across) ** 4
    image = paint(1.05 - 0.75 * rim, colour)
    opacity = outline * ((0.4 if clear else 0.72) + (0.5 if clear else 0.28) * rim)
    if random.random() < 0.3:
        image, opacity = _wrap_label(image, opacity, outline, across, random)
    for centre, strength in ((-0.62, 0.95), (0.7, 0.6)):
        gleam = strength * bump(across, centre + random.uniform(-0.08, 0.08), 0.06) * outline
        gleam *= 0.6 + 0.4 * (smooth_noise(CANVAS, 4, random) > -0.2)
        image, opacity = blend(image, (1, 1, 1), gleam), np.maximum(opacity, gleam)
    _, y = coordinates()
    bottom = y[outline.max(axis=1) > 0.5].max()
    base = outline * edge(bottom - 0.09 - y)
    return drawing(blend(image, 0.45 * colour, 0.6 * base), np.maximum(opacity, 0.75 * base))


def broken_glass(random: np.random.Generator) -> Drawing:
    """A shard: a clear or tinted polygon with bright and dark edges."""
    colour = pick(random, [(0.20, 0.45, 0.22), (0.45, 0.25, 0.08), (0.45, 0.72, 0.68)])
    angles = np.sort(random.uniform(0, 2 * np.pi, random.integers(4, 7)))
    radii = random.uniform(0.35, 0.8, len(angles))
    corners = list(zip(radii * np.cos(angles), radii * np.sin(angles), strict=True))
    outline = polygon(corners)
    inner = polygon([(0.86 * x + 0.02, 0.86 * y + 0.02) for x, y in corners])
    border = (outline - inner).clip(0, 1)
    x, y = coordinates()
    gleam = bump(x + 0.7 * y, random.uniform(-0.3, 0.3), 0.07) * inner
    image = blend(paint(np.ones_like(x), colour), 0.5 * colour, 0.7 * border)
    return drawing(blend(image, (1, 1, 1), 0.8 * gleam), 0.45 * inner + 0.85 * border + 0.4 * gleam)


def plastic_bottle(random: np.random.Generator) -> Drawing:
    """A bottle with ribs, a coloured cap, a broad soft gloss."""
    colour = pick(random, [(0.45, 0.7, 0.95), *VIVID])
    across, outline = turned(_bottle(random))
    _, y = coordinates()
    ribs = 1 + 0.16 * np.sin(random.uniform(28, 48) * y) * edge(0.05 - y, 0.2)
    image = paint((0.95 - 0.3 * across**2) * ribs, colour)
    opacity = outline * (random.uniform(0.45, 0.95) + 0.2 * np.abs(across))
    if random.random() < 0.4:
        image, opacity = _wrap_label(image, opacity, outline, across, random)
    gloss = 0.55 * bump(across, random.uniform(-0.45, -0.15), 0.22) * outline
    image = blend(image, (1, 1, 1), gloss)
    top = y[outline.max(axis=1) > 0.5].min()
    cap = outline * edge(y - top - random.uniform(0.1, 0.16))
    grooves = 0.85 + 0.25 * np.sin(40 * across)
    return drawing(
        blend(image, paint(grooves, pick(random, BRIGHT)), cap), np.maximum(opacity, cap)
    )


def plastic_tub(random: np.random.Generator) -> Drawing:
    """A cup or tub: opaque, one bright colour, a lip, soft gloss."""
    top, bottom = random.uniform(0.4, 0.6), random.uniform(0.28, 0.42)
    height = random.uniform(0.35, 0.6)
    profile = [
        (-height, top + 0.05),
        (-height + 0.08, top + 0.05),
        (-height + 0.09, top),
        (height, bottom),
    ]
    across, outline = turned(profile)
    _, y = coordinates()
    image = paint(1.0 - 0.35 * across**2, pick(random, VIVID))
    image = blend(image, (0, 0, 0), 0.25 * bump(y, -height + 0.1, 0.02) * outline)
    if random.random() < 0.3:
        image, outline = _wrap_label(image, outline, outline, across, random)
    return drawing(blend(image, (1, 1, 1), 0.5 * bump(across, -0.4, 0.15) * outline), outline)


def plastic_bag(random: np.random.Generator) -> Drawing:
    """A bag: thin, see-through, with long creases that shine."""
    _, outline = blob(random.uniform(0.55, 0.75), 0.5, random)
    creases = np.abs(smooth_noise(CANVAS, 7, random) + 0.4 * smooth_noise(CANVAS, 16, random))
    colour = pick(random, [(0.2, 0.2, 0.22), *VIVID])
    image = paint(0.75 + 0.35 * creases, colour)
    gleam = edge(creases - 0.05, 0.06) * outline
    opacity = outline * (random.uniform(0.45, 0.8) + 0.2 * creases)
    return drawing(blend(image, (1, 1, 1), 0.75 * gleam), np.maximum(opacity, 0.8 * gleam))


def can(random: np.random.Generator) -> Drawing:
    """A drinks can: printed metal with hard bright and dark bands, and its lid."""
    width, height = random.uniform(0.3, 0.38), random.uniform(0.55, 0.7)
    across, outline = turned(
        [
            (-height, 0.82 * width),
            (-height + 0.1, width),
            (height - 0.08, width),
            (height, 0.84 * width),
        ]
    )
    metal = _metal_bands(across, random)
    _, y = coordinates()
    image = paint(metal, (0.86, 0.87, 0.9))
    printed = edge(np.abs(y) - height + 0.2, 0.03) * outline
    image = blend(image, paint(0.35 + 0.8 * metal, pick(random, BRIGHT)), 0.75 * printed)
    if random.random() < 0.6:
        stripe = bump(y + 0.4 * across * width, random.uniform(-0.3, 0.3), 0.1) * printed
        image = blend(image, paint(0.4 + 0.7 * metal, pick(random, BRIGHT)), stripe)
    return _with_lid(image, outline, -height, 0.8 * width, random)


def tin(random: np.random.Generator) -> Drawing:
    """A food tin: bare metal, rings around it, and its lid."""
    width, height = random.uniform(0.38, 0.52), random.uniform(0.35, 0.5)
    across, outline = turned([(-height, width), (height, width)])
    _, y = coordinates()
    rings = 1 + 0.14 * np.sin(random.uniform(35, 60) * y) * edge(np.abs(y) - 0.6 * height, 0.05)
    image = paint(_metal_bands(across, random) * rings, pick(random, [(0.8, 0.81, 0.83)]))
    if random.random() < 0.2:
        image, outline = _wrap_label(image, outline, outline, across, random)
    return _with_lid(image, outline, -height, width, random)


def foil(random: np.random.Generator) -> Drawing:
    """A crumpled foil or crushed can: grey faces, from black to white."""
    _, outline = blob(random.uniform(0.45, 0.7), 0.35, random)
    face, creases = facets(int(random.integers(35, 70)), random)
    image = paint(0.62 + 0.5 * face, pick(random, [(0.85, 0.86, 0.88), (0.8, 0.8, 0.8)]))
    if random.random() < 0.2:
        printed = edge(smooth_noise(CANVAS, 3, random), 0.1)
        image = blend(image, paint(0.6 + 0.5 * face, pick(random, BRIGHT)), 0.7 * printed)
    return drawing(blend(image, (1, 1, 1), 0.5 * creases), outline)


def printed_page(random: np.random.Generator) -> Drawing:
    """A page or newspaper: text in columns, perhaps a picture."""
    width, height = random.uniform(0.5, 0.65), random.uniform(0.6, 0.78)
    outline = polygon(sheet_corners(width, height, random))
    image = paint(_soft_folds(random), pick(random, [*WHITE, (0.82, 0.8, 0.74)]))
    columns = int(random.integers(1, 4))
    pitch = random.uniform(0.05, 0.09)
    step = 2 * (width - 0.08) / columns
    for column in range(columns):
        left = -width + 0.08 + column * step
        ink = text_lines(left, left + step - 0.05, -height + 0.12, height - 0.1, pitch, random)
        image = blend(image, (0.15, 0.15, 0.18), 0.7 * ink * outline)
    if random.random() < 0.5:
        x, y = coordinates()
        centre = random.uniform(-0.25, 0.25, 2)
        picture = edge(np.abs(x - centre[0]) - 0.22) * edge(np.abs(y - centre[1]) - 0.18)
        tones = 0.6 + 0.4 * smooth_noise(CANVAS, 6, random)
        image = blend(image, paint(tones, pick(random, BRIGHT)), picture * outline)
    return drawing(image, outline)


def crumpled_paper(random: np.random.Generator) -> Drawing:
    """A paper ball: matt faces of little contrast, creases, scraps of text."""
    _, outline = blob(random.uniform(0.45, 0.65), 0.3, random)
    face, creases = facets(int(random.integers(25, 50)), random)
    image = paint(0.84 + 0.16 * face, pick(random, [*WHITE, *WHITE, (0.93, 0.89, 0.7)]))
    if random.random() < 0.8:
        ink = text_lines(-0.8, 0.8, -0.8, 0.8, 0.08, random) * (face > 0)
        image = blend(image, (0.2, 0.2, 0.22), 0.5 * ink)
    return drawing(blend(image, (0.45, 0.45, 0.45), 0.3 * creases), outline)


def envelope(random: np.random.Generator) -> Drawing:
    """An envelope: a flap, a fold, white or buff."""
    width, height = random.uniform(0.6, 0.75), random.uniform(0.4, 0.55)
    outline = polygon(sheet_corners(width, height, random, slack=0.03))
    colour = pick(random, [*WHITE, (0.86, 0.78, 0.6)])
    image = paint(_soft_folds(random), colour)
    flap = polygon([(-width, -height), (width, -height), (0, random.uniform(-0.05, 0.15))])
    inner = polygon([(-width + 0.04, -height), (width - 0.04, -height), (0, 0.0)])
    image = blend(image, 0.75 * colour, 0.6 * (flap - inner).clip(0, 1))
    if random.random() < 0.5:
        ink = text_lines(-0.25, 0.4, 0.15, height - 0.1, 0.09, random)
        image = blend(image, (0.2, 0.2, 0.3), 0.7 * ink)
    return drawing(image, outline)


def cardboard_piece(random: np.random.Generator) -> Drawing:
    """A flat piece: brown, flutes showing through, a fold, tape, a torn edge."""
    width, height = random.uniform(0.5, 0.75), random.uniform(0.45, 0.7)
    outline = polygon(sheet_corners(width, height, random, slack=0.12))
    x, y = coordinates()
    torn = edge(y - height + 0.12 + 0.07 * smooth_noise(CANVAS, 14, random))
    outline = outline * (torn if random.random() < 0.6 else 1.0)
    image = paint(_flutes(x, random), pick(random, BROWN))
    fold = random.uniform(-0.4, 0.4)
    image = blend(image, (0.2, 0.12, 0.05), 0.5 * bump(x, fold, 0.015))
    image = blend(image, (1, 0.95, 0.85), 0.35 * bump(x, fold + 0.03, 0.015))
    if random.random() < 0.5:
        tape = edge(np.abs(y - random.uniform(-0.3, 0.3)) - 0.08)
        image = blend(image, pick(random, [(0.85, 0.8, 0.7), (0.65, 0.45, 0.2)]), 0.55 * tape)
    return drawing(_print_mark(image, random), outline)


def cardboard_box(random: np.random.Generator) -> Drawing:
    """A box: three faces of one brown, the top with its slit and tape."""
    width, depth, height = (random.uniform(0.35, 0.55) for _ in range(3))
    slope = random.uniform(0.3, 0.5)
    left, right = (-width, -slope * width), (depth, -slope * depth)
    back = (left[0] + right[0], left[1] + right[1])

    def below(corner: tuple[float, float]) -> tuple[float, float]:
        return corner[0], corner[1] + height

    shift = (-(left[0] + right[0]) / 2, -(back[1] + height) / 2)
    front = (0.0, 0.0)
    faces = (
        ([front, left, back, right], 1.08),
        ([front, left, below(left), below(front)], 0.86),
        ([front, right, below(right), below(front)], 0.68),
    )
    colour = pick(random, BROWN)
    x, _ = coordinates()
    image = np.zeros((CANVAS, CANVAS, 3))
    opacity = np.zeros((CANVAS, CANVAS))
    for corners, shade in faces:
        face = polygon([(cx + shift[0], cy + shift[1]) for cx, cy in corners])
        image = blend(image, paint(shade * _flutes(x, random), colour), face)
        opacity = np.maximum(opacity, face)
    ends = [
        ((a[0] + b[0]) / 2 + shift[0], (a[1] + b[1]) / 2 + shift[1])
        for a, b in ((front, left), (right, back))
    ]
    (x0, y0), (x1, y1) = ends
    tape = polygon([(x0 - 0.05, y0), (x0 + 0.05, y0 + 0.02), (x1 + 0.05, y1), (x1 - 0.05, y1)])
    image = blend(image, (0.86, 0.8, 0.68), 0.6 * tape)
    return drawing(_print_mark(image, random), opacity)


def wrapper(random: np.random.Generator) -> Drawing:
    """A crisp bag or sweet wrapper: printed, creased, shining, with zigzag ends."""
    width, height = random.uniform(0.35, 0.5), random.uniform(0.5, 0.7)
    x, y = coordinates()
    zigzag = 0.05 * np.abs(((x * 12) % 2) - 1)
    sides = 0.06 * smooth_noise(CANVAS, 5, random)
    outline = edge(np.abs(x) - width + sides) * edge(np.abs(y) - height + zigzag)
    face, creases = facets(int(random.integers(18, 32)), random)
    image = paint(0.8 + 0.35 * face, pick(random, BRIGHT))
    for _ in range(3):
        spot = random.uniform(-0.3, 0.3, 2)
        shape = edge(np.hypot(x - spot[0], y - spot[1]) - random.uniform(0.08, 0.22))
        image = blend(image, paint(0.8 + 0.35 * face, pick(random, BRIGHT)), shape)
    seal = edge(height - 0.13 - np.abs(y))
    image = blend(image, paint(0.7 + 0.3 * np.sin(90 * x), (0.85, 0.85, 0.87)), 0.8 * seal)
    return drawing(blend(image, (1, 1, 1), 0.45 * creases), outline)


def tissue(random: np.random.Generator) -> Drawing:
    """A used tissue or diaper: soft white lumps with stains."""
    distance, outline = blob(random.uniform(0.5, 0.7), 0.6, random)
    lumps = smooth_noise(CANVAS, 9, random) + 0.5 * smooth_noise(CANVAS, 20, random)
    image = paint(0.9 + 0.12 * lumps, (0.95, 0.95, 0.94))
    stain = edge(smooth_noise(CANVAS, 4, random) + random.uniform(0.0, 0.25), 0.4)
    colour = pick(random, [(0.55, 0.4, 0.2), (0.65, 0.6, 0.25), (0.5, 0.3, 0.25)])
    image = blend(image, colour, 0.8 * stain)
    return drawing(image, outline * (0.9 + 0.1 * edge(distance + 0.1)))


def food_rest(random: np.random.Generator) -> Drawing:
    """A peel or core: a bent, dull, spotted thing."""
    x, y = coordinates()
    bend = random.uniform(0.6, 1.2)
    thickness = random.uniform(0.13, 0.2) * (1 - 0.75 * np.abs(x) ** 2).clip(0.1)
    outline = edge(np.abs(y - bend * x**2 + 0.3) - thickness) * edge(np.abs(x) - 0.75)
    for _ in range(2):
        _, rest = blob(random.uniform(0.14, 0.26), 0.4, random)
        move = [int(step) for step in random.integers(-35, 36, 2)]
        outline = np.maximum(outline, np.roll(rest, move, (0, 1)))
    colour = pick(random, [(0.75, 0.6, 0.15), (0.45, 0.28, 0.12), (0.5, 0.5, 0.2)])
    image = paint(0.85 + 0.25 * smooth_noise(CANVAS, 10, random), colour)
    spots = edge(smooth_noise(CANVAS, 14, random) + 0.35, 0.2)
    return drawing(blend(image, (0.2, 0.12, 0.05), 0.6 * spots), outline)


def foam_tray(random: np.random.Generator) -> Drawing:
    """A foam tray or plate with a bite out of it: white grains and food stains."""
    x, y = coordinates()
    width, height = random.uniform(0.5, 0.65), random.uniform(0.4, 0.55)
    distance = (np.abs(x / width) ** 4 + np.abs(y / height) ** 4) ** 0.25 - 1
    bite = np.hypot(x - width, y - random.uniform(-height, height)) - random.uniform(0.2, 0.35)
    outline = edge(distance) * edge(-bite + 0.05 * smooth_noise(CANVAS, 12, random))
    grain = smooth_noise(CANVAS, 60, random)
    image = paint(0.93 + 0.1 * grain, pick(random, [(0.95, 0.95, 0.95), (0.93, 0.9, 0.75)]))
    image = blend(image, (0.5, 0.5, 0.5), 0.35 * bump(distance, -0.22, 0.035))
    stain = edge(smooth_noise(CANVAS, 5, random) + 0.15, 0.3) * edge(distance + 0.3)
    return drawing(blend(image, (0.6, 0.3, 0.1), 0.6 * stain), outline)


def _bottle(random: np.random.Generator) -> list[tuple[float, float]]:
    neck, body = random.uniform(0.09, 0.15), random.uniform(0.24, 0.36)
    shoulder = random.uniform(-0.35, -0.05)
    return [
        (-0.85, neck + 0.03),
        (-0.78, neck + 0.03),
        (-0.77, neck),
        (shoulder - random.uniform(0.08, 0.3), 1.15 * neck),
        (shoulder, 0.92 * body),
        (shoulder + 0.1, body),
        (0.8, body),
        (0.85, 0.9 * body),
    ]


def _jar(random: np.random.Generator) -> list[tuple[float, float]]:
    body, height = random.uniform(0.36, 0.5), random.uniform(0.45, 0.65)
    return [
        (-height, 0.78 * body),
        (-height + 0.12, 0.78 * body),
        (-height + 0.2, body),
        (height - 0.05, body),
        (height, 0.9 * body),
    ]


def _metal_bands(across: Field, random: np.random.Generator) -> Field:
    """Return what a polished cylinder mirrors: hard bright and dark bands along it."""
    bands = 0.5 - 0.25 * across**2
    for _ in range(4):
        strength = random.uniform(-0.35, 0.6)
        bands = bands + strength * bump(across, random.uniform(-0.9, 0.9), 0.09)
    return (bands + 0.45 * bump(across, random.uniform(-0.5, 0.0), 0.08)).clip(0.08, 1.1)


def _with_lid(
    image: Field, outline: Field, top: float, radius: float, random: np.random.Generator
) -> Drawing:
    """Show the round lid of a can seen from above."""
    x, y = coordinates()
    squash = random.uniform(0.2, 0.4)
    distance = np.hypot(x, (y - top) / squash) - radius
    lid = edge(distance, 0.05)
    glare = 0.72 + 0.25 * np.cos(2 * np.arctan2((y - top) / squash, x) + random.uniform(0, 6))
    image = blend(image, paint(glare, (0.88, 0.88, 0.9)), lid)
    image = blend(image, (0.35, 0.35, 0.37), 0.7 * bump(distance, -0.05, 0.02))
    if random.random() < 0.6:
        hole = edge(np.hypot(x, (y - top) / squash + 0.4 * radius) - 0.28 * radius, 0.04)
        image = blend(image, (0.12, 0.12, 0.12), hole)
    return drawing(image, np.maximum(outline, lid))


def _wrap_label(
    image: Field, opacity: Field, outline: Field, across: Field, random: np.random.Generator
) -> tuple[Field, Field]:
    """Put a printed label around the body."""
    _, y = coordinates()
    middle, half = random.uniform(0.15, 0.4), random.uniform(0.12, 0.24)
    band = edge(np.abs(y - middle) - half) * outline
    shade = 1.0 - 0.3 * across**2
    image = blend(image, paint(shade, pick(random, [*BRIGHT, *WHITE])), 0.95 * band)
    ink = text_lines(-0.4, 0.4, middle - 0.6 * half, middle + 0.5 * half, 0.09, random)
    image = blend(image, pick(random, BRIGHT), 0.8 * ink * band)
    return image, np.maximum(opacity, 0.95 * band)


def _soft_folds(random: np.random.Generator) -> Field:
    """Return the shade of paper once folded and laid flat again."""
    x, y = coordinates()
    shade = 0.97 + 0.05 * smooth_noise(CANVAS, 3, random)
    for line in (x, y):
        if random.random() < 0.6:
            place = random.uniform(-0.3, 0.3)
            shade = shade - 0.12 * bump(line, place, 0.02) + 0.05 * np.sign(line - place)
    return shade


def _flutes(across: Field, random: np.random.Generator) -> Field:
    """Return the shade of corrugated board: regular stripes, and blotches."""
    stripes = 0.08 * np.sin(random.uniform(45, 75) * across + random.uniform(0, 6))
    return 1.0 + stripes + 0.08 * smooth_noise(CANVAS, 6, random)


def _print_mark(image: Field, random: np.random.Generator) -> Field:
    """Print a mark and a line of text on board, sometimes."""
    if random.random() < 0.5:
        return image
    left, top = random.uniform(-0.4, 0.0), random.uniform(-0.3, 0.2)
    ink = text_lines(left, left + 0.4, top, top + 0.25, 0.1, random)
    return blend(image, (0.12, 0.1, 0.1), 0.75 * ink)


KINDS: dict[str, tuple[Draw, ...]] = {
    "cardboard": (cardboard_piece, cardboard_piece, cardboard_box),
    "glass": (glass_bottle, glass_bottle, glass_bottle, broken_glass),
    "metal": (can, can, tin, foil),
    "paper": (printed_page, printed_page, crumpled_paper, envelope),
    "plastic": (plastic_bottle, plastic_bottle, plastic_tub, plastic_bag),
    "trash": (wrapper, tissue, food_rest, food_rest, foam_tray),
}
