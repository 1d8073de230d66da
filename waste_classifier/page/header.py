"""Which classifier the page shows, and when it is unsure."""

from html import escape

from waste_classifier.classifier import Classifier


def header_html(classifier: Classifier) -> str:
    """Return the title of the page, and which classifier answers."""
    size = classifier.image_size
    return (
        "<header><h1>Waste classifier</h1><p>"
        f"<code>{escape(str(classifier.folder))}</code> tells "
        f"{len(classifier.labels)} labels apart ({escape(', '.join(classifier.labels))}) "
        f"at {size} x {size} pixels. {escape(when_unsure(classifier))}</p></header>"
    )


def when_unsure(classifier: Classifier) -> str:
    """Say in a sentence when a classifier gives a photo no label."""
    decision = classifier.decision
    reasons = []
    if decision.costs is not None:
        reasons.append("to leave a photo costs less")
    elif any(threshold is None or threshold > 0 for threshold in decision.thresholds):
        reasons.append(
            f"a purity of {decision.purity:g} can't be promised"
            if classifier.adaptation is None
            # Thresholds are of the old line.
            else "a probability is below its threshold, which promises no purity on this line"
        )
    if classifier.novelty is not None:
        reasons.append("a photo is unlike the training photos")
    if classifier.known_labels is not None:
        reasons.append("a thing is like those of none of the labels")
    if not reasons:
        return "It always decides: it is never unsure."
    return f"It is unsure where {', or where '.join(reasons)}."
