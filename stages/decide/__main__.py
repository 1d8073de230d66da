"""Find out when to decide and when to be unsure: data/decision.json.

The temperature and the thresholds are fitted to what the cross-validation says of the images of
train and val. What they come to on the test images stands in metrics/decide.json and plots/decide:
no answer to a test image has a say in the fit. The test images themselves have an indirect one: the
trainings that answer to train and val learn from all images outside their fold, test ones too.
"""

import sys
from pathlib import Path

from stages.decide.curve import decision_curve
from stages.decide.report import coverage_points, decision_points, report, summarise
from stages.decide.thresholds import fit_temperature, fit_thresholds, unseen_log_loss
from stages.decide.wanted import wanted_decision
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, read_cross_validation
from stages.outputs.decision import CURVE_FILE, DECISION_FILE
from stages.outputs.distances import read_distances
from stages.outputs.documents import write_document
from stages.outputs.novelty import DISTANCES_FILE
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.params.decide import DecideParams
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.decision import Decision


def main(settings: DecideParams) -> None:
    """Read the probabilities, fit, write the decision, and report it on the test images."""
    known = read_cross_validation(CROSS_VALIDATION_FILE, without="test")
    test = read_predictions(PREDICTIONS_FILE, "test")
    distances = read_distances(DISTANCES_FILE, test.paths)

    decision = wanted_decision(settings, known.labels, known.actual)
    temperature = fit_temperature(decision, known.probabilities, known.actual)
    decision = decision._replace(temperature=temperature)
    calibrated = decision.calibrated(known.probabilities)
    thresholds = fit_thresholds(decision, calibrated, known.actual, known.groups)
    decision = decision._replace(thresholds=thresholds)
    curve = decision_curve(decision, calibrated, known.actual, known.groups)
    log_loss = unseen_log_loss(decision, known)
    of_test = report(decision, test, distances, settings.bootstrap_samples, settings.seed)

    write_document(DECISION_FILE, decision.to_json())
    write_document(CURVE_FILE, curve)
    with StageLive("decide") as live:
        for metric, value in summarise(decision, of_test).items():
            live.log_metric(metric, value, plot=False)
        live.log_metric("cross_validation/log_loss", log_loss, plot=False)
        live.log_points("decisions", decision_points(decision, of_test))
        live.log_points("coverage", coverage_points(of_test))
    print_thresholds(decision)
    right = f", {of_test.accuracy:.4f} of these the right one" if of_test.coverage else ""
    print(f"log loss of the cross-validation, folds at the temperature of others: {log_loss:.4f}")
    weighted = ", weighted to decide.mix," if decision.reweights else ""
    print(
        f"temperature {temperature:.3f}; of {len(test.paths)} test images{weighted} "
        f"{of_test.coverage:.4f} get a label{right}: {Path('metrics/decide.json')}"
    )


def print_thresholds(decision: Decision) -> None:
    """Print a line per label; where costs decide, that they do."""
    if decision.costs is not None:
        print("the cheapest answer by decide.costs; thresholds have no say")
        return
    width = max(map(len, decision.labels))
    for label, threshold in zip(decision.labels, decision.thresholds, strict=True):
        said = (
            f"no threshold promises purity {decision.purity:g} with {decision.confidence:g} "
            "confidence: always unsure"
            if threshold is None
            else f"from {threshold:.4f} on"
        )
        print(f"{label:{width}}  {said}")


if __name__ == "__main__":
    sys.exit(run("decide", DecideParams, main))
