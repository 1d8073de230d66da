"""What the page says of the purity that one asks for."""

from html import escape

from waste_classifier.decision import told_apart
from waste_classifier.decision_curve import DecisionCurve

#: Of a classifier with costs, whose answers the table does not tell.
COSTS_DECIDE = (
    "<p>This classifier decides by costs: the table says what thresholds would do in their "
    "place.</p>"
)


def curve_html(curve: DecisionCurve, purity: float) -> str:
    """Return the table of recovery at a purity."""
    position = curve.position(purity)
    recoveries = [each.recovery[position] for each in curve.labels.values()]
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        f'<td class="bar" aria-hidden="true"><div style="width:{100 * share:.1f}%"></div></td>'
        f'<td class="number">{share:.1%}</td><td class="number">{_threshold(threshold)}</td></tr>'
        for label, share, threshold in (
            (label, each.recovery[position], each.threshold[position])
            for label, each in curve.labels.items()
        )
    )
    return (
        f"<p>At purity {curve.purities[position]:g}: <strong>{curve.unsure[position]:.1%} of all "
        "things are unsure</strong> by probability; what is unlike the training photos, or of no "
        "label, comes on top. A label recovers "
        f"{sum(recoveries) / len(recoveries):.1%} of its things in the mean.</p>"
        '<table class="purity"><caption>Recovery of each label</caption>'
        '<thead><tr><th scope="col">Label</th><td class="bar"></td>'
        '<th scope="col" class="number">Recovery</th>'
        '<th scope="col" class="number">Sure from probability</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _threshold(threshold: float | None) -> str:
    # A label that is sure from 1.00 on would never be.
    return "never" if threshold is None else told_apart(threshold, 1)[0]
