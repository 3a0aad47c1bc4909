"""What a home's listens teach: fitted on the embeddings of its index, kept in the home."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.evaluation.recommenders.data import ListeningData, NoListens, of_home
from recsys.evaluation.recommenders.splits import NothingHeldOut, split
from recsys.evaluation.recommenders.systems import all_systems, sample
from recsys.evaluation.recommenders.systems import tune as tune_system
from recsys.home.files import LISTENING_NAME
from recsys.home.home import Home
from recsys.interactions import n_listeners
from recsys.models.hybrid import HybridModel
from recsys.models.model_file import DamagedModel, read_manifest

SEED = 0
_PROTOCOL = "warm"  # by which settings are chosen: the next track of somebody who is known

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Refit:
    """What became of a refit.

    listeners, tracks, heard, pairs  how many, of the home, with listens, and their combinations
    device   what the factors were fitted on
    seconds  that it took
    current  whether nothing had changed since the last, so that nothing was done
    """

    listeners: int
    tracks: int
    heard: int
    pairs: int
    device: str
    seconds: float
    current: bool = False


def refit(home: Home, *, tune: bool = False, progress: Progress = lambda _: None) -> Refit | None:
    """Fit the home's listens on its embeddings, and write the model into the home.

    Nothing is done where listens, tracks and index are those of the model there is, unless `tune`
    asks to choose the settings anew on listens held out; otherwise the last chosen ones stay.
    None where nobody has listened to anything: a model of listens that are gone is taken away.
    Raises OSError.
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
        return None
    settings = last.get("settings")
    blend = HybridModel.of_settings(settings) if settings else HybridModel()
    if tune:
        progress("Choosing settings")
        blend = _tuned(data, blend)
    progress("Learning from listens")
    counts = data.interactions.counts
    blend.fit(counts, data.content, SEED)
    blend.tracks = data.interactions.tracks
    figures = {
        "listeners": counts.shape[0],
        "tracks": counts.shape[1],
        "heard": int((n_listeners(counts) > 0).sum()),
        "pairs": int(counts.nnz),
        "device": blend.als.device,
    }
    blend.save(path, state=state, figures=figures)
    return Refit(**figures, seconds=time.perf_counter() - begin)


def _state(home: Home) -> dict[str, Any]:
    """What a model depends on, as it is now."""
    served = home.index.manifest
    return {
        "listens_revision": home.catalog.listens_revision,
        "track_revision": home.catalog.track_revision,
        "index_revision": served.catalogue_revision if served else None,
        "projection": served.projection if served else None,
    }


def _last(path: Path) -> dict[str, Any]:
    """The manifest of the model there is; empty where there is none that can be used."""
    try:
        return read_manifest(path)
    except (FileNotFoundError, DamagedModel):
        return {}


def _tuned(data: ListeningData, blend: HybridModel) -> HybridModel:
    """A blend with the settings that find listens held out best; as it is where they are few."""
    try:
        made = split(data.interactions, data.content.artists, _PROTOCOL, SEED)
    except NothingHeldOut:
        return blend
    validation = [(sample(made, SEED), data.content)]
    return HybridModel(**tune_system(all_systems()["blend"], validation, _PROTOCOL, SEED))
