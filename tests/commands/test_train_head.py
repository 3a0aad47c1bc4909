"""`earshot train-head`: what it adopts and refuses, what it leaves, and how it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import Commands, make_home
from made_artists import make_artists
from sounds import tune, write

from encoders.head import Head
from encoders.projection import Projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.home.files import HEAD_NAME, INDEX_NAME, LAYOUT_NAME, LISTENING_NAME, PROJECTION_NAME
from recsys.home.named_home import naming_home
from recsys.library.build import HEAD_LOST
from recsys.models.model_file import read_manifest
from recsys.track_map.layout import refresh_layout
from recsys.track_map.layout_file import Layout

QUICK = ("--splits", "2", "--epochs", "1", "--alike", "artist=1,segments=0.3", "--json")


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    n_tracks = getattr(request, "param", 300)
    per_artist = 4 if n_tracks > 20 else 2
    make_artists(tmp_path / "home", tmp_path / "music", n_tracks, per_artist=per_artist)
    return tmp_path / "home"


@pytest.fixture
def real(tmp_path: Path, weights: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    """A home of real files, whose projection was given a head by hand."""
    earshot = Commands(make_home(tmp_path / "real", weights), capfdbinary)
    (tmp_path / "music").mkdir()
    for number in range(3):
        write(tmp_path / "music" / f"{number}.flac", tune(number), title=f"Song {number}")
    earshot.build_json(tmp_path / "music")
    projection = Projection.load(earshot.home / PROJECTION_NAME)
    matrix = np.random.default_rng(0).standard_normal((projection.dim, 7)).astype(np.float32)
    head = Head(projection.id, np.zeros(projection.dim, np.float32), matrix, 0.5)
    replace(projection, head=head).save(earshot.home / PROJECTION_NAME)
    return earshot


def served(home: Path) -> tuple[Projection, VectorIndex]:
    projection = Projection.load(home / PROJECTION_NAME)
    path = home / INDEX_NAME
    return projection, VectorIndex.load(path, model=None, projection=projection.id, dim=None)


def map_is_current(home: Path) -> bool:
    return refresh_layout(served(home)[1], home / LAYOUT_NAME) is None


def contents(home: Path) -> list[bytes]:
    return [(home / name).read_bytes() for name in (PROJECTION_NAME, INDEX_NAME)]


def model_of_listens(home: Path) -> str:
    """The projection on whose embeddings the home's listens were learned from."""
    state: dict[str, str] = read_manifest(home / LISTENING_NAME)["state"]
    return state["projection"]


def shuffled(home: Path, music: Path) -> Path:
    """A CSV that gives the artists' names to tracks at random."""
    music.mkdir(exist_ok=True)
    with Catalog(home) as catalog:
        tracks = list(catalog.available_tracks())
    artists = [track.artist for track in tracks]
    np.random.default_rng(1).shuffle(artists)
    table = pd.DataFrame(
        {
            "path": [track.path.name for track in tracks],
            "artist": artists,
            "album": artists,
            "genre": [track.genres[0] for track in tracks],
        }
    )
    table.to_csv(music / "labels.csv", index=False)
    return music / "labels.csv"


@pytest.mark.parametrize("home", [2000], indirect=True)
def test_two_thousand_tracks_a_good_head_is_adopted_and_one_of_shuffled_labels_refused(
    home: Path, tmp_path: Path, earshot: Commands
) -> None:
    """The wiring, on planted traits; no measure of quality."""
    before = contents(home)
    figures = earshot.run("train-head", *QUICK, "--labels", shuffled(home, tmp_path / "music"))
    assert figures.status == 0, figures.err
    assert not figures.json["adopted"]
    assert contents(home) == before
    assert not json.loads((home / HEAD_NAME).with_suffix(".json").read_text())["adopted"]

    figures = earshot.run("train-head", *QUICK).json
    assert list(figures) == [
        *("adopted", "artist_p5", "genre_p10", "over_whitening", "loss", "splits", "seconds")
    ]
    assert (figures["adopted"], figures["loss"], figures["splits"]) == (True, "triplet", 2)
    for name in ("artist_p5", "genre_p10"):
        for change in (figures[name], figures["over_whitening"][name]):
            assert list(change) == ["baseline", "head", "diff", "ci"]
            assert change["diff"] == pytest.approx(change["head"] - change["baseline"])
            assert change["ci"][0] <= change["diff"] <= change["ci"][1]
    assert figures["artist_p5"]["ci"][0] > 0
    projection, index = served(home)
    assert projection.head
    assert len(index) == 2000
    card: dict[str, Any] = Head.load(home / HEAD_NAME)[1]
    assert card["data"]["tracks"] == 2000
    assert card["data"]["artists"] == 500
    assert card["artist_p5"] == figures["artist_p5"]
    assert card["seed"] == 0


def test_a_head_that_cannot_be_served_changes_nothing(home: Path, earshot: Commands) -> None:
    before = contents(home)
    with Catalog(home) as catalog, catalog.build_lock():
        result = earshot.run("train-head", *QUICK)
    assert result.status == 1
    assert "running" in result.err
    assert contents(home) == before
    assert not (home / HEAD_NAME).exists()


@pytest.mark.parametrize("home", [120], indirect=True)
def test_people_read_sentences(home: Path, earshot: Commands) -> None:
    result = earshot.run("train-head", "--splits", "2", "--epochs", "0")
    assert result.status == 0, result.err
    out = result.out.decode()
    assert "artist P@5: default " in out
    assert "whitening without labels" in out
    assert "Adopted: the library is indexed anew" in out or "Not adopted, as " in out


def test_a_head_is_evaluated_learned_from_and_removed(home: Path, earshot: Commands) -> None:
    with Catalog(home) as catalog:
        for name in ("Ann", "Bob"):
            listener = catalog.listener(name, create=True)
            catalog.record_listens(listener.id, [(track, 100 + track) for track in range(1, 9)])
    before = served(home)[0].id
    refresh_layout(served(home)[1], home / LAYOUT_NAME)
    places = Layout.load(home / LAYOUT_NAME).positions
    assert earshot.run("train-head", *QUICK).json["adopted"]
    assert model_of_listens(home) == served(home)[0].id
    assert map_is_current(home)
    moved = np.linalg.norm(Layout.load(home / LAYOUT_NAME).positions - places, axis=1)
    assert np.median(moved) < 0.6 * np.linalg.norm(places - places.mean(axis=0), axis=1).mean()
    result = earshot.run("evaluate", "content", "--by", "artist", "-k", "5", "--json")
    assert {"home", "projection", "head"} <= set(result.json["systems"])
    assert "flatter" in result.err
    removed = earshot.run("train-head", "--remove", "--json")
    assert removed.json == {"removed": True}
    projection, _ = served(home)
    assert projection.id == model_of_listens(home) == before
    assert map_is_current(home)
    result = earshot.run("evaluate", "content", "--by", "artist", "-k", "5", "--json")
    assert "head" in result.json["systems"]  # trained, though not served
    assert "projection" not in result.json["systems"]
    assert "flatter" not in result.err
    assert earshot.run("train-head", "--remove").out.decode().startswith("The home has no head")


@pytest.mark.parametrize("home", [120], indirect=True)
def test_one_seed_gives_one_head(home: Path, earshot: Commands) -> None:
    cards = []
    for seed in (3, 3, 4):
        result = earshot.run("train-head", *QUICK, "--seed", seed)
        assert result.status == 0, result.err
        cards.append(json.loads((home / HEAD_NAME).with_suffix(".json").read_text()))
    assert cards[0] == cards[1]
    assert cards[0]["artist_p5"] != cards[2]["artist_p5"]


@pytest.mark.parametrize("home", [120], indirect=True)
@pytest.mark.parametrize("loss", ["multi-similarity", "ntxent", "proxy-anchor"])
def test_every_loss_trains(home: Path, earshot: Commands, loss: str) -> None:
    result = earshot.run("train-head", *QUICK, "--loss", loss)
    assert result.json["loss"] == loss
    assert result.json["artist_p5"]["head"] > 0.05


@pytest.mark.parametrize("home", [20], indirect=True)
def test_without_genres_the_artists_decide_and_it_is_said(home: Path, earshot: Commands) -> None:
    result = earshot.run("train-head", "--splits", "2", "--epochs", "0")
    assert "genre P@10: not measured" in result.out.decode()
    assert earshot.run("train-head", *QUICK).json["genre_p10"] is None


@pytest.mark.parametrize("home", [18], indirect=True)
def test_too_few_artists_are_refused(home: Path, earshot: Commands) -> None:
    before = contents(home)
    result = earshot.run("train-head")
    assert result.status == 1
    assert "Artists that have two tracks or more: 9;" in result.err
    assert contents(home) == before
    assert not (home / HEAD_NAME).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--splits", "1"], "--splits: takes a whole number from 2 to 10"),
        (["--alike", "artist=x"], "takes names with weights above 0"),
        (["--alike", "mood=1"], 'There is no column "mood"'),
        (["--loss", "magic"], "invalid choice"),
        (["--labels", "nowhere.csv"], "cannot be read"),
    ],
)
def test_bad_usage(home: Path, earshot: Commands, arguments: list[str], said: str) -> None:
    result = earshot.run("train-head", *arguments)
    assert result.status == 2
    assert said in result.err


def test_a_home_without_an_index_is_named(tmp_path: Path, earshot: Commands) -> None:
    earshot.home = tmp_path / "nothing"
    result = earshot.run("train-head")
    assert result.status == 1
    assert f"run `earshot build --home {earshot.home}` first" in result.err


@pytest.mark.parametrize("home", [120], indirect=True)
def test_a_damaged_head_is_left_out_of_the_evaluation(home: Path, earshot: Commands) -> None:
    (home / HEAD_NAME).write_bytes(b"garbage")
    result = earshot.run("evaluate", "content", "--by", "artist", "--json")
    assert result.status == 0
    assert f"`earshot train-head --home {earshot.home}` makes a new one" in result.err
    assert "head" not in result.json["systems"]


def test_build_index_reprojects_without_decoding(real: Commands, tmp_path: Path) -> None:
    done = real.build_json(tmp_path / "music")
    assert (done["analysed"], done["index"]["dim"], done["notes"]) == (0, 607, [])
    projection, index = served(real.home)
    (path,) = (tmp_path / "music").glob("0.flac")
    answer = real.neighbours(path, "-k", 2)  # also a file that is analysed anew is projected so
    assert len(answer) == 2
    assert index.vectors([1]).shape == (1, projection.dim)


def test_growth_keeps_a_head_and_says_that_it_is_old(real: Commands, tmp_path: Path) -> None:
    for number in range(3, 6):
        write(tmp_path / "music" / f"{number}.flac", tune(number), title=f"Song {number}")
    done = real.build_json(tmp_path / "music")
    assert done["tracks"] == 6
    assert "outgrown" in done["notes"][0]
    assert served(real.home)[0].head
    done = real.build("--refit", tmp_path / "music")
    assert naming_home(HEAD_LOST, real.home) in done.err
    assert served(real.home)[0].head is None


def test_other_taggers_lose_a_head_with_a_word(real: Commands, tmp_path: Path) -> None:
    done = real.build("--models", "MTT_musicnn", tmp_path / "music")
    assert naming_home(HEAD_LOST, real.home) in done.err
    assert served(real.home)[0].head is None
