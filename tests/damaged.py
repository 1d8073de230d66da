"""Files as disks, editors and other programs leave them, in place of what a stage has written."""

import csv
import io
import json
from typing import Any

from hypothesis import strategies as st

#: What a cell should not hold: nothing, no number, too large a one, a control character, a name
#: that leads elsewhere.
CELLS = ["", "nan", "1e999", "-1", "9" * 400, "9" * 5000, "\0", "\n", "\r", '"', "é", "../.."]
VALUES: list[Any] = [None, True, -1, 0, 1.5, 10**30, 1e308, "", "\0", "../..", [], {}, [[]], "é"]


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with some bytes changed, and perhaps cut or with others between."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        if changed:
            place = draw(st.integers(0, len(changed) - 1))
            changed[place] ^= draw(st.integers(1, 255))
    start = draw(st.integers(0, len(changed)))
    end = draw(st.one_of(st.just(start), st.integers(start, len(changed))))
    return bytes(changed[:start]) + draw(st.binary(max_size=8)) + bytes(changed[end:])


@st.composite
def damaged_table(draw: st.DrawFn, content: bytes) -> bytes:
    """A table with other cells, or rows in another number or order."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    number = draw(st.integers(0, len(rows) - 1))
    row = rows[number]
    kind = draw(st.sampled_from(["cell", "swap", "twice", "gone", "longer"]))
    if kind == "cell":
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(CELLS))
    elif kind == "swap":
        other = draw(st.integers(0, len(rows) - 1))
        rows[number], rows[other] = rows[other], row
    elif kind == "twice":
        rows.insert(number, row)
    elif kind == "gone":
        del rows[number:]
    else:
        row.append(draw(st.sampled_from(CELLS)))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@st.composite
def damaged_document(draw: st.DrawFn, content: bytes) -> bytes:
    """A JSON document of another shape: a value at any depth replaced, gone or beside a new one."""
    document = json.loads(content)
    parent: Any = None
    node, key = document, None
    while isinstance(node, dict | list) and node and (parent is None or draw(st.booleans())):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        parent, key = node, draw(st.sampled_from(keys))
        node = node[key]
    kind = draw(st.sampled_from(["value", "gone", "new", "all"]))
    value = draw(st.sampled_from(VALUES))
    if parent is None or kind == "all":
        document = value
    elif kind == "gone":
        del parent[key]
    elif kind == "new" and isinstance(parent, dict):
        parent[draw(st.text(max_size=3))] = value
    else:
        parent[key] = value
    return json.dumps(document).encode()
