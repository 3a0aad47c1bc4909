"""Whether popularity by sound helps to recommend tracks that nobody has played.

    python -m benchmarks.popularity FOLDER

FOLDER has interactions.parquet and items.parquet, as of `earshot evaluate popularity`, whose table
has how well popularity is told. Here the listens of a fifth of the items, or artists, are held out,
and listeners get lists of these items alone:

all alike       every item has the same score
prior alone     the popularity that items are expected to have
blend           the listening model, with its default settings
blend, prior    its scores, standardised over these items, plus BETA times the standardised prior;
                BETA is chosen on listens held out of the training
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Float32Array
from recsys.evaluation.metrics import paired_bootstrap
from recsys.evaluation.recommenders.data import ListeningData
from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.splits import Split, split
from recsys.evaluation.recommenders.systems import validation_splits
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.interactions import Content, Interactions
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.popularity.data import of_listening
from recsys.popularity.measure import RANKING, choose

BETAS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
METRICS = ("R@20", "nDCG@100")
Scores = Callable[[sparse.csr_matrix], Float32Array]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    data = read_tables(folder / "interactions.parquet", folder / "items.parquet", Columns())
    print("\n| held out | | " + " | ".join(METRICS) + " |\n|---|---|---|---|")
    for protocol in ("cold-item", "cold-item-artist"):
        outer = split(data.interactions, data.content.artists, protocol, 0)
        beta = chosen_beta(outer, data.content, protocol)
        model = HybridSettings().fit(outer.train, data.content, 0)
        prior = expected(outer, data.content)
        systems: dict[str, Scores] = {
            "all alike": lambda h: np.zeros(h.shape, np.float32),
            "prior alone": lambda h, prior=prior: np.tile(prior, (h.shape[0], 1)),  # type: ignore[misc]
            "blend": with_prior(model, prior, 0.0, outer.candidates),
            f"blend, prior times {beta:g}": with_prior(model, prior, beta, outer.candidates),
            "blend, prior times 0.1": with_prior(model, prior, 0.1, outer.candidates),
        }
        figures = {name: evaluate(s, outer, data.content, 0) for name, s in systems.items()}
        for name, found in figures.items():
            base = figures["all alike" if name == "prior alone" else "blend"]
            cells = []
            for metric in METRICS:
                one, other = found.per_query[metric], base.per_query[metric]
                gain = paired_bootstrap(one, other, np.arange(len(one)))
                more = f" ({gain.low:+.4f} to {gain.high:+.4f})" if gain.high or gain.low else ""
                cells.append(f"{one.mean():.4f}{more}")
            print(f"| {protocol} | {name} | " + " | ".join(cells) + " |", flush=True)


def chosen_beta(outer: Split, content: Content, protocol: str) -> float:
    """Return the best weight of the prior on listens held out of the training."""
    (inner, inner_content), *_ = validation_splits(outer, content, protocol, 0)
    model = HybridSettings().fit(inner.train, inner_content, 0)
    prior = expected(inner, inner_content)
    quality = []
    for beta in BETAS:
        scores = with_prior(model, prior, beta, inner.candidates)
        found = evaluate(scores, inner, inner_content, 0).per_query
        quality.append(sum(float(found[metric].mean()) for metric in METRICS))
    return BETAS[int(np.argmax(quality))]


def expected(held: Split, content: Content) -> Float32Array:
    """Return the popularity that items are expected to have, standardised: (n_items,)."""
    numbers = np.arange(held.train.shape[0]), np.arange(held.train.shape[1])
    listeners, items = (one.astype(object) for one in numbers)
    interactions = Interactions(*numbers, held.train)
    data = ListeningData(interactions, content, listeners, items, content.known)
    played = of_listening(data)
    settings = choose(played, np.arange(len(played.popularity)), RANKING, 0)
    scorer = settings.fit(played.features, played.popularity, 0)
    values = scorer.scores(content.vectors.astype(np.float64))
    values = (values - values[content.known].mean()) / values[content.known].std()
    return np.where(content.known, values, 0).astype(np.float32)


def with_prior(
    model: HybridModel, prior: Float32Array, beta: float, candidates: BoolArray
) -> Scores:
    """Return scores of a model, standardised over the candidates, plus a share of the prior."""

    def scores(histories: sparse.csr_matrix) -> Float32Array:
        found = model.scores(histories)
        among = found[:, candidates]
        found = found - among.mean(axis=1, keepdims=True)
        found /= np.maximum(among.std(axis=1, keepdims=True), 1e-9)
        return np.asarray(found + np.float32(beta) * prior, np.float32)

    return scores


if __name__ == "__main__":
    main()
