"""Write the model card: data/card.md.

Every number in it is one that another stage has written: metrics, decision, split, classifier.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from stages.card.text import model_card
from stages.outputs.card import CARD_FILE
from stages.outputs.decision import DECISION_FILE
from stages.outputs.documents import read_document
from stages.outputs.model import MODEL_DIR
from stages.outputs.split import read_split
from stages.outputs.whole import whole_text
from stages.params.backbone import BackboneParams
from stages.params.bundle import BundleParams
from stages.params.card import CardParams
from stages.params.fetch import FetchParams
from stages.params.reading import Params
from stages.params.split import SplitParams
from stages.stage import run_with
from waste_classifier.decision import Decision

SECTIONS: Mapping[str, type[Params]] = {
    "backbone": BackboneParams,
    "bundle": BundleParams,
    "card": CardParams,
    "fetch": FetchParams,
    "split": SplitParams,
}
#: Labels, image size and orientations.
DESCRIPTION_FILE = MODEL_DIR / "classifier.json"
METRICS = ("cross_validation", "decide", "export", "novelty")


def main(
    backbone: BackboneParams,
    bundle: BundleParams,
    card: CardParams,
    fetch: FetchParams,
    split: SplitParams,
) -> None:
    """Read the metrics of all stages, write what they say."""
    metrics = {name: read_document(Path("metrics") / f"{name}.json") for name in METRICS}
    described = read_document(DESCRIPTION_FILE)
    decision = Decision.load(DECISION_FILE)
    sections = (card, fetch, backbone, split, bundle)
    text = model_card(*sections, read_split(), described, decision, metrics)
    with whole_text(CARD_FILE) as file:
        file.write(text)
    print(f"{CARD_FILE}: {len(text.splitlines())} lines")


if __name__ == "__main__":
    sys.exit(run_with(SECTIONS, main))
