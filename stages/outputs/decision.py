"""data/decision.json: when the classifier decides, and data/decision_curve.json: other purities."""

from pathlib import Path

DECISION_FILE = Path("data/decision.json")
CURVE_FILE = Path("data/decision_curve.json")
