"""The stage from probabilities to a decision, and what it comes to on the test images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from stages.decide.__main__ import main
from stages.decide.curve import decision_curve
from stages.decide.report import coverage_curve, report
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, write_cross_validation
from stages.outputs.decision import CURVE_FILE, DECISION_FILE
from stages.outputs.distances import DistanceRow
from stages.outputs.novelty import DISTANCES_FILE
from stages.outputs.predictions import PREDICTIONS_FILE, Predictions, write_predictions
from stages.outputs.split import SplitName, SplitRow
from stages.outputs.tables import write_table
from stages.params.decide import DecideParams
from waste_classifier.decision import Decision, always_decide
from waste_classifier.errors import InputError

LABELS = ("glass", "metal")
PLAIN: dict[str, Any] = {
    "purity": 0.9,
    "confidence": 0.95,
    "mix": None,
    "costs": None,
    "seed": 1,
    "bootstrap_samples": 100,
}


def settings(**changes: Any) -> DecideParams:
    return DecideParams(**(PLAIN | changes))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 images, a quarter of them for test; of glass all are right, of metal few are sure."""
    monkeypatch.chdir(tmp_path)
    rows, probabilities = [], []
    for label in LABELS:
        for number in range(60):
            split: SplitName = "test" if number % 4 == 0 else ("train" if number % 4 < 3 else "val")
            path = f"{label}/{number:02}.png"
            rows.append(SplitRow(path, label, path, split))
            sure = 0.99 if label == "glass" or number < 8 else 0.55
            probabilities.append((sure, 1 - sure) if label == "glass" else (1 - sure, sure))
    said = np.array(probabilities, np.float32)
    folds = (np.arange(len(rows)) % 3)[np.newaxis]
    write_cross_validation(CROSS_VALIDATION_FILE, rows, folds, LABELS, said[np.newaxis])
    chosen = [n for n, row in enumerate(rows) if row.split != "train"]
    write_predictions(PREDICTIONS_FILE, [rows[n] for n in chosen], LABELS, said[chosen])
    test = [row for row in rows if row.split == "test"]
    DISTANCES_FILE.parent.mkdir()
    # The first test image is unlike the training ones, the first two like those of no label.
    distances = [
        DistanceRow(row.path, 2.0 if n == 0 else 0.5, 1.5 if n < 2 else 0.0)
        for n, row in enumerate(test)
    ]
    write_table(DISTANCES_FILE, distances, DistanceRow)
    return tmp_path


def test_the_stage_writes_a_decision_a_curve_and_what_they_come_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(settings())

    decision = Decision.load(DECISION_FILE)
    assert decision.labels == LABELS
    assert decision.data_shares == decision.mix == (0.5, 0.5)
    # All are right: the colder, the lower the loss.
    assert decision.temperature < 0.1
    assert decision.thresholds[0] is not None
    curve = json.loads(CURVE_FILE.read_text())
    assert (
        len(curve["purities"]) == len(curve["unsure"]) == len(curve["labels"]["glass"]["recovery"])
    )
    metrics = json.loads(Path("metrics/decide.json").read_text())
    assert metrics["unlike_training"] == pytest.approx(1 / 30)
    assert metrics["of_no_label"] == pytest.approx(2 / 30)
    assert metrics["coverage"] == pytest.approx(28 / 30)
    assert metrics["accuracy_of_decided"] == 1
    assert Path("plots/decide/custom/decisions.json").exists()
    assert "temperature" in capsys.readouterr().out


def test_where_costs_decide_no_threshold_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    costs = {
        "glass": {"glass": 0.0, "metal": 1.0, "unsure": 0.4},
        "metal": {"glass": 1.0, "metal": 0.0, "unsure": 0.4},
    }

    main(settings(costs=costs))

    said = capsys.readouterr().out
    assert said.startswith("the cheapest answer by decide.costs")
    assert "no threshold" not in said
    points = json.loads(Path("plots/decide/custom/decisions.json").read_text())
    assert {point["promised"] for point in points} == {None}


def test_equal_inputs_give_equal_bytes() -> None:
    main(settings())
    first = {path: path.read_bytes() for path in (DECISION_FILE, CURVE_FILE)}

    main(settings())

    assert {path: path.read_bytes() for path in first} == first


def test_the_test_images_have_no_say() -> None:
    main(settings())
    before = DECISION_FILE.read_bytes()
    table = CROSS_VALIDATION_FILE.read_text().splitlines()
    # Every test image of metal is said to be glass, most surely.
    changed = [
        ",".join([*line.split(",")[:-2], "0.999", "0.001"]).replace("test,metal", "test,glass")
        if line.startswith("metal") and ",test," in line
        else line
        for line in table
    ]
    assert changed != table
    CROSS_VALIDATION_FILE.write_text("\n".join(changed) + "\n")

    main(settings())

    assert DECISION_FILE.read_bytes() == before


def test_a_label_that_few_things_show_is_never_promised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(settings(purity=0.98))

    # 45 things without a mistake show 0.936 and no more.
    assert Decision.load(DECISION_FILE).thresholds == (None, None)
    assert "no threshold promises purity 0.98" in capsys.readouterr().out
    metrics = json.loads(Path("metrics/decide.json").read_text())
    assert metrics["coverage"] == 0
    assert "accuracy_of_decided" not in metrics


def test_a_mix_of_ones_own_is_kept() -> None:
    main(settings(mix={"glass": 0.2, "metal": 0.8}))

    assert Decision.load(DECISION_FILE).mix == (0.2, 0.8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mix": {"glass": 0.2, "wood": 0.8}}, "decide.mix: expected a value for each of glass"),
        (
            {"costs": {"glass": {"glass": 0, "unsure": 1}}},
            "decide.costs: expected a value for each of glass, metal; missing or unknown: metal",
        ),
    ],
)
def test_what_is_wanted_must_be_of_the_labels(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(settings(**changes))

    assert not DECISION_FILE.exists()


def predictions(actual: list[int], glass: list[float], groups: list[str]) -> Predictions:
    probabilities = np.array([(each, 1 - each) for each in glass], np.float32)
    return Predictions(
        labels=LABELS,
        paths=tuple(f"{number}.png" for number in range(len(actual))),
        groups=tuple(groups),
        actual=np.array(actual),
        predicted=probabilities.argmax(axis=1),
        probabilities=probabilities,
    )


def test_purity_recovery_and_unsure_are_counted() -> None:
    decision = always_decide(LABELS)._replace(thresholds=(0.8, 0.8))
    # Into the bin of glass go two of glass and one of metal; one of glass is unsure.
    test = predictions([0, 0, 0, 1, 1], [0.9, 0.95, 0.6, 0.85, 0.1], list("abcde"))

    of_test = report(decision, test, np.zeros((5, 2)), 100, 0)

    np.testing.assert_allclose(of_test.purity, [2 / 3, 1])
    np.testing.assert_allclose(of_test.recovery, [2 / 3, 1 / 2])
    np.testing.assert_allclose(of_test.unsure, [1 / 3, 0])
    assert of_test.coverage == pytest.approx(4 / 5)
    assert of_test.accuracy == pytest.approx(3 / 4)
    # Intervals cover Wilson's: of three things of glass, of three in its bin, of one in the other.
    for name, shares, trials in (
        ("purity", (2 / 3, 1), (3, 1)),
        ("recovery", (2 / 3, 1 / 2), (3, 2)),
        ("unsure", (1 / 3, 0), (3, 2)),
    ):
        low, high = getattr(of_test, f"{name}_interval")
        for position in range(2):
            right, of = round(shares[position] * trials[position]), trials[position]
            expected = binomtest(right, of).proportion_ci(method="wilson")
            assert low[position] <= expected.low + 1e-9
            assert high[position] >= expected.high - 1e-9


def test_a_thing_of_many_images_counts_once() -> None:
    decision = always_decide(LABELS)
    # Of glass one thing of three images, all wrong, and one of one image.
    test = predictions([0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.9, 0.2], list("aaabc"))

    of_test = report(decision, test, np.zeros((5, 2)), 100, 0)

    np.testing.assert_allclose(of_test.recovery, [1 / 2, 1])
    np.testing.assert_allclose(of_test.purity, [1, 1 / 2])
    assert of_test.accuracy == pytest.approx(2 / 5)


def test_the_curve_counts_things() -> None:
    # One thing of glass has ten images, all taken for metal, but not surely.
    calibrated = np.array([[0.99, 0.01]] * 60 + [[0.4, 0.6]] * 10 + [[0.01, 0.99]] * 60)
    actual = np.array([0] * 70 + [1] * 60)
    groups = [*map(str, range(60)), *["thing"] * 10, *map(str, range(100, 160))]

    curve = decision_curve(
        always_decide(LABELS)._replace(confidence=0.95), calibrated, actual, groups
    )

    at = curve["purities"].index(0.95)
    # 60 things without a mistake show 0.951.
    assert curve["labels"]["metal"]["threshold"][at] == 0.99
    assert curve["labels"]["glass"]["recovery"][at] == pytest.approx(60 / 61)
    assert curve["unsure"][at] == pytest.approx(1 / 121)


def test_the_curve_is_of_purities_whatever_costs_decide() -> None:
    calibrated = np.array([[0.9, 0.1]] * 60 + [[0.1, 0.9]] * 60)
    actual = np.repeat([0, 1], 60)
    groups = [str(number) for number in range(120)]
    plain = always_decide(LABELS)._replace(confidence=0.95)
    dear = plain._replace(costs=((0.0, 1.0, 0.01), (1.0, 0.0, 0.01)))

    curves = [decision_curve(each, calibrated, actual, groups) for each in (plain, dear)]

    assert curves[0]["unsure"][0] == 0
    assert curves[1] == curves[0]


def test_a_probability_next_to_0_counts_as_much_before_calibration_as_after() -> None:
    test = predictions([0, 1], [1e-20, 0.2], ["a", "b"])

    of_test = report(always_decide(LABELS), test, np.zeros((2, 2)), 100, 0)

    assert of_test.log_loss == pytest.approx(of_test.log_loss_before, rel=1e-6)


def test_in_a_mix_mistakes_of_a_common_label_count_more() -> None:
    decision = always_decide(LABELS)._replace(data_shares=(0.5, 0.5), mix=(0.25, 0.75))
    # Re-weighted to the mix, both stay glass.
    test = predictions([0, 1], [0.99, 0.99], ["a", "b"])

    of_test = report(decision, test, np.zeros((2, 2)), 100, 0)

    assert of_test.purity[0] == pytest.approx(0.25)
    assert np.isnan(of_test.purity[1])


def test_a_mix_is_one_of_things() -> None:
    # Ten things of glass, ten images each, all right; 100 of metal, a tenth taken for glass.
    actual = [0] * 100 + [1] * 100
    groups = [*(f"g{n // 10}" for n in range(100)), *(f"m{n}" for n in range(100))]
    glass = [0.99] * 100 + [0.99 if n % 10 == 0 else 0.01 for n in range(100)]
    decision = always_decide(LABELS)._replace(data_shares=(0.6, 0.4), mix=(0.5, 0.5))

    of_test = report(decision, predictions(actual, glass, groups), np.zeros((200, 2)), 100, 0)

    # Half of the waste is glass, and a tenth of the other half comes to it.
    assert of_test.purity[0] == pytest.approx(0.5 / 0.55)


def test_all_that_is_told_of_the_test_images_is_at_one_mix() -> None:
    # Nine of ten test images are glass, all right; the one of metal is wrong. Half of the waste is
    # metal, as half of the data that the decision was fitted to nearly was.
    decision = always_decide(LABELS)._replace(data_shares=(0.52, 0.48), mix=(0.5, 0.5))
    test = predictions([0] * 9 + [1], [0.99] * 10, list("abcdefghij"))

    of_test = report(decision, test, np.zeros((10, 2)), 100, 0)

    assert of_test.purity[0] == pytest.approx(0.5)
    assert of_test.accuracy == pytest.approx(0.5)
    # The one of metal is as much as half of them, and none surer than another.
    assert of_test.curve[1][-1] == pytest.approx(0.5)


def test_accuracy_is_told_of_the_surest_shares() -> None:
    calibrated = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])

    coverage, accuracy = coverage_curve(calibrated, np.array([0, 0, 1]), np.ones(3))

    np.testing.assert_allclose(coverage, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(accuracy, [1, 1, 2 / 3])
