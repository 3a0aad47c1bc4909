"""Fit the home's listening model on its listens and the embeddings of its index, when needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.evaluation.recommenders.data import NoListens, of_home
from recsys.evaluation.recommenders.ranker_training import RankedSettings
from recsys.home.files import LISTENING_NAME
from recsys.home.home import Home
from recsys.home.settings import Settings
from recsys.interactions import n_listeners
from recsys.models.als import Als, Factorise, device
from recsys.models.model_file import DamagedModel, read_manifest
from recsys.training.listening_settings import choose

SEED = 0
_VERSION = 3  # of what is learned: models of earlier ones are learned again

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Refit:
    """Result of a refit.

    listeners  how many
    tracks     how many the home has
    heard      how many of them have listens
    pairs      combinations of a listener and a track with listens
    device     where the factors were fitted
    seconds    that it took
    ranked     whether a ranker was trained and adopted, for some kinds of candidates at least
    current    whether nothing had changed since the last fit, so that nothing was done
    """

    listeners: int
    tracks: int
    heard: int
    pairs: int
    device: str
    seconds: float
    ranked: bool = False
    current: bool = False


def refit(home: Home, *, tune: bool = False, progress: Progress = lambda _: None) -> Refit | None:
    """Fit the home's listens on its embeddings, and write the model into the home.

    Nothing is done where listens, tracks and index are those of the present model, unless `tune`
    is set: then all settings are chosen anew (`recsys.training.listening_settings`).
    None where nobody has listened to anything: an old model is deleted.
    Raises OSError, and NotFitted where the settings name a Spark cluster that cannot be used.
    """
    begin = time.perf_counter()
    path = home.settings.home / LISTENING_NAME
    state = _state(home)
    last = _last(path)
    if last.get("state") == state and not tune:
        return Refit(**last["figures"], seconds=time.perf_counter() - begin, current=True)
    try:
        data = of_home(home)
    except NoListens:
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        return None
    settings, choice = choose(
        last, data.interactions, data.content, asked=tune, seed=SEED, progress=progress
    )
    progress("Learning from listens")
    counts = data.interactions.counts
    with _factorisation(home.settings) as factorise:
        model = RankedSettings(settings).fit(
            *(counts, data.content, SEED, data.interactions.tracks, data.interactions.times),
            factorise=factorise,
        )
    figures = {
        "listeners": counts.shape[0],
        "tracks": counts.shape[1],
        "heard": int((n_listeners(counts) > 0).sum()),
        "pairs": int(counts.nnz),
        "device": "Spark" if home.settings.spark else device(),
        "ranked": model.ranker is not None,
    }
    model.save(path, state=state, figures=figures, choice=choice)
    return Refit(**figures, seconds=time.perf_counter() - begin)


@contextmanager
def _factorisation(settings: Settings) -> Iterator[Factorise]:
    """Give what factorises listens: this machine, or the cluster that the settings name."""
    if settings.spark is None:
        yield Als.fit
        return
    from recsys.models.spark_als import on_spark  # noqa: PLC0415 - of an extra

    with on_spark(settings.spark, settings.home) as factorise:
        yield factorise


def _state(home: Home) -> dict[str, Any]:
    """Return the present revisions of all that a model depends on."""
    manifest = home.index.manifest
    return {
        "version": _VERSION,
        "listens_revision": home.catalog.listens_revision,
        "track_revision": home.catalog.track_revision,
        "index_revision": manifest.catalogue_revision if manifest else None,
        "projection": manifest.projection if manifest else None,
    }


def _last(path: Path) -> dict[str, Any]:
    """Return the manifest of the present model; empty where there is none that can be read."""
    try:
        return read_manifest(path)
    except (FileNotFoundError, DamagedModel):
        return {}
