from __future__ import annotations

import numpy as np
import pytest
from small_library import Library, Song, towards

from recsys.catalog import Catalog
from recsys.home.files import LISTENING_NAME
from recsys.home.home import Home
from recsys.models.hybrid import HybridModel
from recsys.models.model_file import DamagedModel
from recsys.training.listening_model import refit


@pytest.fixture
def library(catalog: Catalog) -> Library:
    """Two kinds of sound, 8 songs each; three listeners of each kind, one song heard by nobody."""
    songs = [Song(towards(5 * n), f"Artist {n // 2}") for n in range(8)]
    songs += [Song(towards(90 + 5 * n), f"Artist {4 + n // 2}") for n in range(8)]
    made = Library(catalog, songs)
    for n in range(3):
        made.listen(f"low {n}", *range(1 + n, 6 + n))
        made.listen(f"high {n}", *range(9 + n, 13 + n))
    return made


def model_of(home: Home) -> HybridModel:
    return HybridModel.load(home.settings.home / LISTENING_NAME)


def test_a_home_learns_from_its_listens_once(library: Library) -> None:
    home = library.home
    first = refit(home)
    assert first
    assert (first.listeners, first.tracks, first.heard, first.pairs) == (6, 16, 13, 27)
    blend = model_of(home)
    assert blend.tracks.tolist() == list(range(1, 17))
    assert blend.evidence[7] == 0  # song 8 and 15, 16 were heard by nobody
    assert blend.evidence[3] > blend.evidence[0] > 0
    scores = blend.scores(library.catalog.interactions().counts)
    of_low = scores[[name.startswith("low") for name in names(library)]].mean(axis=0)
    assert of_low[:8].min() > of_low[8:].max()
    again = refit(home)
    assert again
    assert again.current
    assert not first.current


def test_changes_are_noticed_and_learnt(library: Library) -> None:
    home = library.home
    refit(home)
    library.listen("new", 8, 9)
    report = refit(home)
    assert report
    assert (report.current, report.listeners) == (False, 7)
    library.catalog.set_presence(gone=[1])
    report = refit(home)
    assert report
    assert (report.current, report.tracks) == (False, 15)
    assert model_of(home).tracks.tolist() == list(range(2, 17))


def test_settings_are_chosen_when_asked_and_kept(library: Library) -> None:
    home = library.home
    said: list[str] = []
    assert refit(home, tune=True, progress=said.append)
    assert said == ["Choosing settings", "Learning from listens"]
    chosen = model_of(home)
    library.listen("new", 8, 9)
    refit(home)
    kept = model_of(home)
    assert (kept.kappa, kept.als.factors) == (chosen.kappa, chosen.als.factors)


def test_a_damaged_model_is_learnt_anew(library: Library) -> None:
    home = library.home
    path = home.settings.home / LISTENING_NAME
    path.write_bytes(b"no model")
    with pytest.raises(DamagedModel, match="delete it"):
        model_of(home)
    assert refit(home)
    assert np.isfinite(model_of(home).item_factors).all()


def test_without_listens_there_is_no_model(catalog: Catalog) -> None:
    home = Library(catalog, [Song(towards(0)), Song(towards(90))]).home
    path = home.settings.home / LISTENING_NAME
    path.write_bytes(b"of listens that are gone")
    assert refit(home) is None
    assert not path.exists()


def names(library: Library) -> list[str]:
    of = {listener.id: listener.name for listener in library.catalog.listeners()}
    return [of[i] for i in library.catalog.interactions().listeners.tolist()]
