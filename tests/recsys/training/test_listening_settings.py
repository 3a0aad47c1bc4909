"""Settings of a home's listening model: the first, those chosen, and how long a choice holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from recsys.evaluation.recommenders.splits import split
from recsys.evaluation.recommenders.systems import quality
from recsys.interactions import Content, Interactions
from recsys.models.als import Als, weighted
from recsys.models.hybrid import HybridSettings
from recsys.training import listening_settings
from recsys.training.listening_settings import (
    FIRST,
    GROWTH,
    MIN_LISTENERS,
    OTHERS,
    choose,
    first_settings,
)

Listens = tuple[Interactions, Content]


def listens(n_listeners: int, seed: int = 0) -> Listens:
    """Listeners who play most of two of twenty groups of tracks, often, and a few others."""
    rng = np.random.default_rng(seed)
    group = np.arange(300) % 20
    counts = np.zeros((n_listeners, 300), np.float32)
    for row in counts:
        theirs = np.isin(group, rng.choice(20, 2, replace=False))
        row[theirs & (rng.random(300) < 0.6)] = 1
        row[rng.choice(300, 5, replace=False)] = 1
    counts *= rng.integers(1, 40, counts.shape)
    vectors = rng.standard_normal((300, 4)).astype(np.float32)
    content = Content(vectors, np.ones(300, bool), np.arange(300))
    rows, columns = np.arange(n_listeners), np.arange(300)
    made = Interactions(rows, columns, sparse.csr_matrix(counts))
    return made, content


def chosen(
    data: Listens, last: dict[str, Any] | None = None, *, asked: bool = False
) -> tuple[HybridSettings, dict[str, Any], list[str]]:
    said: list[str] = []
    settings, choice = choose(last or {}, *data, asked=asked, seed=0, progress=said.append)
    return settings, choice, said


def manifest(settings: HybridSettings, choice: dict[str, Any] | None) -> dict[str, Any]:
    stored: dict[str, Any] = {"settings": settings.for_manifest()}
    return stored if choice is None else {**stored, "choice": choice}


@pytest.mark.parametrize("often", [1, 50])
def test_a_listen_counts_as_much_at_first_whether_counts_are_known_or_not(often: int) -> None:
    counts = sparse.csr_matrix(np.full((MIN_LISTENERS, 4), often, np.float32))
    als = first_settings(counts).als
    confidence = als.confidence(counts, als.weighting).data - 1
    assert confidence.mean() == pytest.approx(FIRST[1], rel=0.01)
    assert als.regularization == FIRST[0]


def test_the_factorisation_that_finds_most_is_chosen() -> None:
    """By one standard error at least: against the measure taken one by one."""
    data = listens(2 * MIN_LISTENERS)
    settings, choice, said = chosen(data)
    interactions, content = data
    counts = interactions.counts
    inner = split(interactions, content.artists, "warm", 0)
    mean = weighted(counts, "log").data.mean()
    tried = [Als(128, low, round(float(a / mean), 2)) for low, a in (FIRST, *OTHERS)]
    found = [quality(HybridSettings(als), inner, content, 0) for als in tried]
    best = int(np.argmax([of_one.mean() for of_one in found]))
    gain = found[best] - found[0]
    assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain))  # the case tells something
    assert settings == HybridSettings(tried[best])
    assert choice == {"asked": False, "pairs": counts.nnz}
    assert said[0] == "Choosing settings"
    assert f"λ {tried[best].regularization:g} and α {tried[best].alpha:g}" in said[1]
    assert said[1].endswith(".")


def test_of_many_listens_those_of_some_listeners_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is learned is scaled to all of them, and what is kept counts all of them."""
    undated, content = listens(3 * MIN_LISTENERS)
    counts = undated.counts
    times = np.arange(counts.nnz)
    data = Interactions(undated.listeners, undated.tracks, counts, times), content
    monkeypatch.setattr(listening_settings, "MOST_PAIRS", counts.nnz // 2)
    _, choice, said = chosen(data)
    assert choice["pairs"] == counts.nnz
    told = int(said[1].split(" held out of ")[1].split()[0].replace(",", ""))
    assert told == pytest.approx(1.5 * MIN_LISTENERS, rel=0.05)


@pytest.mark.parametrize("n", [1, MIN_LISTENERS - 1])
def test_few_listeners_keep_the_defaults(n: int) -> None:
    settings, choice, said = chosen(listens(n))
    assert settings == HybridSettings()
    assert (choice["asked"], said) == (False, [])


def test_a_choice_holds_until_listens_have_grown_by_half() -> None:
    data = listens(3)
    n_pairs = data[0].counts.nnz
    other = HybridSettings(Als(16, 5.0, 5.0))
    for pairs, holds in ((n_pairs, True), (n_pairs / GROWTH + 1, True), (n_pairs / GROWTH, False)):
        choice = {"asked": False, "pairs": pairs}
        settings, kept, _ = chosen(data, manifest(other, choice))
        assert (settings == other) is holds
        assert (kept == choice) is holds


def test_what_was_asked_for_stays_until_it_is_asked_again() -> None:
    data = listens(3)
    other = HybridSettings(Als(16, 5.0, 5.0))
    for choice in ({"asked": True, "pairs": 1}, None):  # None: of earlier versions
        assert chosen(data, manifest(other, choice))[0] == other
    settings, choice, _ = chosen(data, manifest(HybridSettings(), None))  # never asked for
    assert choice == {"asked": False, "pairs": data[0].counts.nnz}
    unknown = manifest(other, {"asked": True, "pairs": 1})
    unknown["settings"]["later"] = 1
    assert chosen(data, unknown)[0] == settings == HybridSettings()


def test_listens_too_few_to_ask_change_nothing() -> None:
    one = sparse.csr_matrix(([1.0], ([0], [7])), (1, 300), np.float32)
    data = Interactions(np.arange(1), np.arange(300), one), listens(1)[1]
    other = HybridSettings(Als(16, 5.0, 5.0))
    assert chosen(data, manifest(other, {"asked": True, "pairs": 1}), asked=True)[0] == other
