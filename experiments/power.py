"""How often the verdict tells two models apart: simulated models of a known difference.

`python -m experiments.power` prints, for so many photos and so large a difference of accuracy, the
share of comparisons that say `better`; for no difference, the share that say `better` or `worse`,
which are false alarms.

Two models of the same accuracy still differ on some photos, their churn: the more, the harder a
difference is to see. Photos of one thing are right or wrong together.
"""

import argparse
import sys
from typing import NamedTuple

import numpy as np

from stages.comparison import ALPHA, Answers, Integers, exchange_p, group_sums
from stages.stage import exit_code

#: Accuracy, of the scores.
ACCURACY = np.array([0])
LABELS = 2  #: right and wrong are all that accuracy sees
MOST_PER_GROUP = 1000  #: photos, on average


class Simulation(NamedTuple):
    """What pairs of models are drawn from."""

    photos: int
    photos_per_group: float  #: on average; one more than a number of the Poisson distribution
    churn: float  #: share of photos that one model has right and the other wrong
    points: float  #: by which head is better, of 100


def draw_pair(
    simulation: Simulation, generator: np.random.Generator
) -> tuple[Answers, Answers, Integers, Integers]:
    """Return the answers of two models, the labels of the photos, and their groups.

    All photos of a group change sides together or not at all.
    """
    count = simulation.photos
    sizes = 1 + generator.poisson(simulation.photos_per_group - 1, count)
    groups = np.repeat(np.arange(count), sizes)[:count]
    gain = simulation.points / 100
    draws = generator.random(count)[groups]
    fixed = draws < (simulation.churn + gain) / 2
    broken = (draws >= (simulation.churn + gain) / 2) & (draws < simulation.churn)
    actual = np.zeros(count, np.intp)
    losses = np.zeros(count)
    # 1 is wrong; photos that both have right or wrong tell nothing.
    base, head = (Answers(wrong.astype(np.intp), losses) for wrong in (fixed, broken))
    return base, head, actual, groups


def share_told_apart(simulation: Simulation, pairs: int, draws: int, seed: int) -> float:
    """Return how often the verdict on accuracy says `better`; of no difference, or `worse`.

    Args:
        simulation: of the models.
        pairs: of models that are drawn.
        draws: exchanges of each comparison.
        seed: of all.
    """
    generator = np.random.default_rng(seed)
    told = 0
    for _ in range(pairs):
        base, head, actual, groups = draw_pair(simulation, generator)
        sums = [group_sums(answers, actual, groups, LABELS) for answers in (base, head)]
        (p,) = exchange_p(sums, ACCURACY, draws, generator, LABELS)
        better = head.predicted.mean() < base.predicted.mean()
        told += p <= ALPHA and (better or simulation.points == 0)
    return told / pairs


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.power", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--photos",
        type=int,
        nargs="+",
        default=[250, 500, 1000, 2500, 10000],
        help="a line each (default 250 500 1000 2500 10000)",
    )
    parser.add_argument(
        "--points",
        type=float,
        nargs="+",
        default=[0, 1, 2, 4],
        help="of accuracy between the models, a column each (default 0 1 2 4)",
    )
    parser.add_argument("--churn", type=float, default=0.04, help="share of photos (default 0.04)")
    parser.add_argument("--photos-per-group", type=float, default=1.25, help="default 1.25")
    parser.add_argument("--pairs", type=int, default=1000, help="of models, each (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default 0)")
    arguments = parser.parse_args()
    if min(*arguments.photos, arguments.pairs) < 1 or arguments.seed < 0:
        parser.error("--photos and --pairs take whole numbers from 1, --seed from 0")
    if not all(0 <= points <= 100 for points in arguments.points):
        parser.error("--points takes numbers from 0 to 100")
    if not 0 < arguments.churn <= 1:
        parser.error("--churn takes numbers above 0, up to 1")
    if not 1 <= arguments.photos_per_group <= MOST_PER_GROUP:
        parser.error(f"--photos-per-group takes numbers from 1 to {MOST_PER_GROUP}")
    print(f"{'photos':>8}", *(f"{f'{points:g} points':>10}" for points in arguments.points))
    for photos in arguments.photos:
        shares = [
            share_told_apart(
                Simulation(
                    photos,
                    arguments.photos_per_group,
                    max(arguments.churn, points / 100),
                    points,
                ),
                arguments.pairs,
                draws=499,
                seed=arguments.seed,
            )
            for points in arguments.points
        ]
        print(f"{photos:8}", *(f"{share:10.3f}" for share in shares), flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
