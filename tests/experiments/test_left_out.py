"""Scores that tell photos of unknown labels, on features whose answer is known."""

import numpy as np
import pytest

from experiments.left_out import SCORES, Known, Told, table, told
from waste_classifier.head import Dense, Head

RANDOM = np.random.default_rng(0)
WIDTH = 12
TARGETS = np.repeat([0, 1], 60)
GROUPS = [str(number) for number in range(120)]
#: Two labels are known, one by each of the first two features; the third tells an unknown one.
HEAD = Head(None, Dense(np.eye(WIDTH, 2, dtype=np.float32), np.zeros(2, np.float32)))
HIDDEN = Head(
    Dense(np.eye(WIDTH, 6, dtype=np.float32), np.zeros(6, np.float32)),
    Dense(np.eye(6, 2, dtype=np.float32), np.zeros(2, np.float32)),
)


def photos(feature: int, count: int) -> np.ndarray:
    features = RANDOM.normal(scale=0.5, size=(count, WIDTH)).astype(np.float32)
    features[:, feature] += 8
    return features


LEARNED = np.concatenate([photos(0, 60), photos(1, 60)])
HELD_OUT = np.concatenate([photos(0, 20), photos(1, 20)])


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_higher_for_what_is_known(name: str) -> None:
    known = Known(HIDDEN, LEARNED, TARGETS, GROUPS, 2)

    of_unknown = told(SCORES[name], known, HELD_OUT, photos(2, 40))

    assert of_unknown.auroc > 0.95
    assert of_unknown.refused > 0.8


@pytest.mark.parametrize("name", SCORES)
def test_what_is_known_is_not_told_from_itself(name: str) -> None:
    known = Known(HEAD, LEARNED, TARGETS, GROUPS, 2)

    of_known = told(SCORES[name], known, HELD_OUT, np.concatenate([photos(0, 50), photos(1, 50)]))

    assert 0.25 < of_known.auroc < 0.75


def test_the_table_has_a_row_for_each_score() -> None:
    of_label = dict.fromkeys(SCORES, Told(0.8, 0.4))

    rows = table({"glass": of_label, "metal": dict.fromkeys(SCORES, Told(0.9, 0.2))}).splitlines()

    assert rows[0].split() == ["AUROC", "without", "glass", "metal", "mean", "refused"]
    assert rows[1].split()[-4:] == ["0.800", "0.900", "0.850", "0.300"]
    assert len(rows) == 1 + len(SCORES)
