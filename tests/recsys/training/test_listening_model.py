from __future__ import annotations

import numpy as np
import pytest
from small_library import Library, Song, towards

from recsys.catalog import Catalog
from recsys.home.files import LISTENING_NAME
from recsys.home.home import Home
from recsys.models import model_file
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.model_file import DamagedModel
from recsys.training.listening_model import refit


@pytest.fixture
def library(catalog: Catalog) -> Library:
    """Two kinds of sound, 8 songs each; three listeners of each kind, one song without listens."""
    songs = [Song(towards(5 * n), f"Artist {n // 2}") for n in range(8)]
    songs += [Song(towards(90 + 5 * n), f"Artist {4 + n // 2}") for n in range(8)]
    library = Library(catalog, songs)
    for n in range(3):
        library.listen(f"low {n}", *range(1 + n, 6 + n))
        library.listen(f"high {n}", *range(9 + n, 13 + n))
    return library


def model_of(home: Home) -> HybridModel:
    return HybridModel.load(home.settings.home / LISTENING_NAME)


def test_a_home_learns_from_its_listens_once(library: Library) -> None:
    home = library.home
    first = refit(home)
    assert first
    assert (first.listeners, first.tracks, first.heard, first.pairs) == (6, 16, 13, 27)
    model = model_of(home)
    assert model.tracks.tolist() == list(range(1, 17))
    assert model.evidence[7] == 0  # songs 8, 15 and 16 have no listens
    assert model.evidence[3] > model.evidence[0] > 0
    scores = model.scores(library.catalog.interactions().counts)
    low = scores[[name.startswith("low") for name in names(library)]].mean(axis=0)
    assert low[:8].min() > low[8:].max()
    again = refit(home)
    assert again
    assert again.current
    assert not first.current


def test_a_change_leads_to_a_refit(library: Library) -> None:
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


def test_settings_are_chosen_on_demand_and_stay(library: Library) -> None:
    home = library.home
    messages: list[str] = []
    assert refit(home, tune=True, progress=messages.append)
    assert messages == ["Choosing settings", "Learning from listens"]
    chosen = model_of(home)
    library.listen("new", 8, 9)
    refit(home)
    assert model_of(home).settings == chosen.settings


def test_settings_of_an_earlier_version_stay(library: Library) -> None:
    """Its manifest has the names of that version, which the next fit writes again."""
    home, path = library.home, library.home.settings.home / LISTENING_NAME
    refit(home)
    tensors, manifest = model_file.read(path)
    manifest["settings"] |= {"told": 0.3, "kappa": 7.0, "sound": 0.1}
    model_file.write(path, tensors, manifest)
    library.listen("new", 8, 9)
    assert refit(home)
    settings = model_of(home).settings
    assert (settings.prior_mix, settings.exposure_shrinkage) == (0.3, 7.0)
    assert settings.content_weight == 0.1
    assert model_file.read_manifest(path)["settings"] == manifest["settings"]


def test_settings_of_a_later_version_give_way_to_the_defaults(library: Library) -> None:
    home, path = library.home, library.home.settings.home / LISTENING_NAME
    refit(home)
    tensors, manifest = model_file.read(path)
    manifest["settings"]["unknown"] = 1
    model_file.write(path, tensors, manifest)
    library.listen("new", 8, 9)
    assert refit(home)
    assert model_of(home).settings == HybridSettings()


def test_a_damaged_model_is_fitted_anew(library: Library) -> None:
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
    by_id = {listener.id: listener.name for listener in library.catalog.listeners()}
    return [by_id[i] for i in library.catalog.interactions().listeners.tolist()]
