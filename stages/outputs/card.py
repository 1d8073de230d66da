"""data/card.md: the model card, as the Hugging Face Hub reads it."""

from pathlib import Path

CARD_FILE = Path("data/card.md")
