"""data/novelty/: how to tell a photo unlike the training ones, and a thing of no label.

- `novelty.npz`: what photos are held against (`waste_classifier.novelty`).
- `known_labels.npz`: what things are held against (`waste_classifier.known_labels`).
- `training_photos.npz`, `training_photos.zip`: the training photos to look a photo up among
  (`waste_classifier.training_photos`).
- `distances.csv`: how far each test image lies from both.
"""

from pathlib import Path

NOVELTY_DIR = Path("data/novelty")
DISTANCES_FILE = NOVELTY_DIR / "distances.csv"
