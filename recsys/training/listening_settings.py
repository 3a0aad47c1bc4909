"""The settings of a home's listening model: chosen on held-out listens, and kept with the model.

At the first fit, and again when the listens have grown by half, a few factorisations are compared:
how much to trust a listen (α) beside how much to shrink (λ) differs between listens with counts and
playlists without. All settings are chosen when it is asked for, and stay until it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from recsys.evaluation.recommenders.splits import NothingHeldOut, Split, split
from recsys.evaluation.recommenders.systems import all_systems, sample, tune
from recsys.interactions import Content, Interactions
from recsys.models.als import Als, weighted
from recsys.models.hybrid import HybridSettings

MIN_LISTENERS = 120  # fewer keep the defaults of `HybridSettings`, unless it is asked
GROWTH = 1.5  # of the pairs, after which settings are chosen again
N_ERRORS = 1.0  # standard errors by which others must be better than the first
MOST_PAIRS = 2_000_000  # that settings are compared on: of more, listeners drawn at random
N_FACTORS = 128
FIRST = 100.0, 60.0  # λ, and α times the mean weight of a listen
OTHERS = (100.0, 100.0), (60.0, 30.0)
_PROTOCOL = "warm"  # the next tracks of a known listener

Progress = Callable[[str], None]


def first_settings(counts: sparse.csr_matrix) -> HybridSettings:
    """Return the settings that a home begins with, from its listens (n_listeners, n_tracks)."""
    if counts.shape[0] < MIN_LISTENERS:
        return HybridSettings()
    return HybridSettings(_scaled(counts, *FIRST))


def choose(
    last: Mapping[str, Any],
    interactions: Interactions,
    content: Content,
    *,
    asked: bool,
    seed: int,
    progress: Progress,
) -> tuple[HybridSettings, dict[str, Any]]:
    """Return the settings to fit a home's listens with, and what its manifest keeps of the choice.

    last   the manifest of the present model, empty where there is none
    asked  choose all settings, now

    Settings of a model from before choices were kept, and other than the defaults, were asked for.
    """
    counts = interactions.counts
    stored = _stored(last)
    asked_before = {"asked": True} if stored not in (None, HybridSettings()) else None
    choice = last.get("choice", asked_before) if stored else None
    if stored and choice and not asked and _holds(choice, counts.nnz):
        return stored, choice
    first = first_settings(counts)
    record = {"asked": asked, "pairs": int(counts.nnz)}
    outer = _held_out(_drawn(interactions, seed), content, seed)
    if outer is None or (not asked and len(outer.listeners) < MIN_LISTENERS):
        return (stored or first) if asked else first, record
    progress("Choosing settings")
    steps = list(all_systems()["blend"].steps) if asked else [{"als": []}]
    factorisations = [_scaled(counts, *numbers) for numbers in (FIRST, *OTHERS)]
    steps[0] = {"als": [*factorisations, *steps[0]["als"]]}
    system = replace(all_systems()["blend"], steps=steps)
    errors = 0.0 if asked else N_ERRORS
    validation = [(sample(outer, seed), content)]
    chosen = HybridSettings(**tune(system, validation, _PROTOCOL, seed, errors))
    if not asked:
        progress(_sentence(chosen.als, len(factorisations), len(validation[0][0].listeners)))
    return chosen, record


def _scaled(counts: sparse.csr_matrix, regularization: float, confidence: float) -> Als:
    """Return a factorisation whose mean confidence of a listen is 1 + `confidence`."""
    weights = weighted(counts, Als.weighting).data
    mean = float(weights.mean()) if len(weights) else 1.0
    return Als(N_FACTORS, regularization, round(confidence / mean, 2))


def _stored(last: Mapping[str, Any]) -> HybridSettings | None:
    """Return the settings of a manifest, None where it has none that can be used."""
    try:
        return HybridSettings.of_manifest(last["settings"])
    except (KeyError, TypeError):
        return None


def _holds(choice: Mapping[str, Any], n_pairs: int) -> bool:
    """Return whether a choice still holds for listens of so many pairs."""
    return bool(choice.get("asked")) or n_pairs < GROWTH * choice.get("pairs", 0)


def _drawn(interactions: Interactions, seed: int) -> Interactions:
    """Return the listens of as many listeners as have about `MOST_PAIRS`, in their order."""
    n = len(interactions.listeners)
    share = MOST_PAIRS / max(interactions.counts.nnz, 1)
    if share >= 1:
        return interactions
    rows = np.sort(np.random.default_rng(seed).choice(n, max(1, round(share * n)), replace=False))
    dated = interactions.dated
    times = None if dated is None else dated[rows].data.astype(np.int64)
    counts = interactions.counts[rows]
    return Interactions(interactions.listeners[rows], interactions.tracks, counts, times)


def _held_out(interactions: Interactions, content: Content, seed: int) -> Split | None:
    """Return a split of the listens, None where they are too few."""
    try:
        return split(interactions, content.artists, _PROTOCOL, seed)
    except NothingHeldOut:
        return None


def _sentence(als: Als, n_compared: int, n_listeners: int) -> str:
    return (
        f"Of {n_compared} settings of the listening model, λ {als.regularization:g} and "
        f"α {als.alpha:g} find most of the tracks held out of {n_listeners:,} listeners' histories."
    )
