"""data/novelty/: how to tell a photo that is unlike the training ones.

- `novelty.npz`: what photos are held against (`waste_classifier.novelty`).
- `training_photos.npz`, `training_photos.zip`: the training photos to look a photo up among
  (`waste_classifier.training_photos`).
- `distances.csv`: how far each test image lies from them.
"""

from pathlib import Path

NOVELTY_DIR = Path("data/novelty")
DISTANCES_FILE = NOVELTY_DIR / "distances.csv"
