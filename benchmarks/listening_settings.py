"""What choosing the first settings of a home's listening model gains, and how long it takes.

    python -m benchmarks.listening_settings --interactions listens.parquet --items items.parquet
        [--min-item-listeners 3 --require-content] [--protocols warm cold-item]

On one test split of each protocol: the settings are chosen on its training listens, as a home
chooses them, and the listening model is evaluated with them and with the defaults.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from recsys.evaluation.metrics import paired_bootstrap
from recsys.evaluation.recommenders.data import ListeningData, restricted
from recsys.evaluation.recommenders.evaluation import Evaluated, evaluate
from recsys.evaluation.recommenders.splits import split
from recsys.evaluation.recommenders.systems import with_listens
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.models.hybrid import HybridSettings
from recsys.training.listening_settings import choose

SEED = 0
PROTOCOLS = "warm", "cold-item", "cold-user"
USER_SEEDS = 1, 5, 10
METRICS = "R@20", "nDCG@100"


def measured(data: ListeningData, protocol: str) -> dict[str, Any]:
    """Return the figures of one protocol, by history."""
    artists = data.content.artists
    outer = split(data.interactions, artists, protocol, SEED, user_seeds=USER_SEEDS)
    interactions, content = with_listens(outer, data.content)
    begin = time.process_time()
    chosen, _ = choose({}, interactions, content, asked=False, seed=SEED, progress=lambda _: None)
    took = {"choosing_processor_s": time.process_time() - begin}
    results: list[dict[str, Evaluated]] = []
    for settings in (HybridSettings(), chosen):
        begin = time.process_time()
        model = settings.fit(outer.train, data.content, SEED)
        took["fit_processor_s"] = time.process_time() - begin
        results.append(
            {
                history: evaluate(model.scores, outer, data.content, SEED, history=history)
                for history in outer.histories
            }
        )
    figures = {"settings": f"λ {chosen.als.regularization:g}, α {chosen.als.alpha:g}", **took}
    before, after = results
    for history, metric in ((h, m) for h in outer.histories for m in METRICS):
        ours, theirs = (of[history].per_query[metric] for of in (after, before))
        diff, low, high = paired_bootstrap(ours, theirs, outer.listeners)
        figures[f"{history or 'all'} {metric}"] = {
            "defaults": float(theirs.mean()),
            "chosen": float(ours.mean()),
            "diff": [float(diff), float(low), float(high)],
        }
    return figures


def main() -> None:
    """Run the benchmark and print its figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interactions", type=Path, required=True)
    parser.add_argument("--items", type=Path)
    parser.add_argument("--min-item-listeners", type=int, default=0)
    parser.add_argument("--require-content", action="store_true")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    args = parser.parse_args()
    data = restricted(
        read_tables(args.interactions, args.items, Columns()),
        min_item_listeners=args.min_item_listeners,
        require_content=args.require_content,
    )
    report = {protocol: measured(data, protocol) for protocol in args.protocols}
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
