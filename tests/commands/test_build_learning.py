"""Learning by default: when a build trains a head, what it says, and tags that teach nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import Commands
from made_artists import GENRES, make_artists
from small_taggers import write_tagger
from sounds import RATE, write
from text_audio_model import sound

from earshot.build_learning import Learned, is_automatic, learn_similarity, sample
from earshot.commands.build import parse
from earshot.head_learning import mark_removed
from recsys.catalog import Catalog
from recsys.home.files import HEAD_NAME, POPULARITY_NAME, PROJECTION_NAME
from recsys.home.home import open_home
from recsys.home.settings import Settings
from recsys.training.tag_labels import trusted_labels

N = 300
TRUE = [f"Artist {i // 4}" for i in range(N)]


@pytest.fixture
def home(tmp_path: Path) -> Callable[..., Path]:
    def make(names: Sequence[str] = TRUE, genres: Sequence[str] = GENRES) -> Path:
        make_artists(tmp_path / "home", tmp_path / "music", N, names=names, genres=genres)
        return tmp_path / "home"

    return make


def learn(home: Path) -> Learned | None:
    with open_home(Settings(home)) as opened:
        return learn_similarity(opened, lambda done, total: None)


def test_true_artists_are_learned_from_once_until_the_library_has_grown_by_half(
    home: Callable[..., Path],
) -> None:
    folder = home()
    learned = learn(folder)
    assert learned
    assert learned.verdict.adopted
    gain = learned.verdict.default.artist.diff / learned.verdict.default.artist.baseline
    assert learned.sentence == (
        f"Learned from 75 artists: {gain:.0%} more of an artist's tracks among the five nearest, "
        "genres kept."
    )
    assert learned.as_json()["artists"] == 75
    with open_home(Settings(folder)) as opened:
        assert opened.projection.has_head
        assert opened.index.dim == opened.projection.dim
    assert learn(folder) is None
    card = (folder / HEAD_NAME).with_suffix(".json")
    described = json.loads(card.read_text())
    assert described["data"]["labels"] == "tags"
    described["data"]["library"] = N * 2 // 3
    card.write_text(json.dumps(described))
    assert learn(folder)


def test_a_removed_head_and_one_of_a_csv_are_left_alone(home: Callable[..., Path]) -> None:
    folder = home()
    learned = learn(folder)
    assert learned
    assert is_automatic(folder)
    mark_removed(folder)
    assert not is_automatic(folder)
    assert learn(folder) is None


def test_random_folder_names_are_not_learned_from(home: Callable[..., Path]) -> None:
    """Tracks whose folder was not shown to a head are not found in it."""
    names = [f"Folder {i}" for i in np.random.default_rng(0).permutation(N) % 40]
    folder = home(names)
    before = (folder / PROJECTION_NAME).read_bytes()
    learned = learn(folder)
    assert learned
    assert not learned.verdict.adopted
    assert learned.sentence.startswith("Nothing learned from 40 artists, as ")
    assert (folder / PROJECTION_NAME).read_bytes() == before
    assert learn(folder) is None


@pytest.mark.parametrize(
    "names",
    [
        ["Various Artists"] * N,
        ["Unknown Artist", "<unknown>"] * (N // 2),
        ["VA", "Various"] * (N // 2),
        ["Nina Simone"] * N,
        [""] * N,
        [f"Artist {i}" for i in range(N)],
        ["Music", "Downloads", *["Artist 1"] * (N - 2)],
    ],
    ids=["various", "unknown", "va", "one artist", "none", "one track each", "folders"],
)
def test_tags_that_name_no_artists_train_nothing(
    home: Callable[..., Path], names: Sequence[str]
) -> None:
    folder = home(names)
    before = (folder / PROJECTION_NAME).read_bytes()
    assert learn(folder) is None
    assert not (folder / HEAD_NAME).exists()
    assert (folder / PROJECTION_NAME).read_bytes() == before


@pytest.mark.parametrize("genre", ["Pop", "Other"])
def test_genres_that_are_all_alike_are_no_labels(home: Callable[..., Path], genre: str) -> None:
    """One class of all tracks would whiten everything, and no gate could see what that costs."""
    folder = home(genres=[genre] * 4)
    learned = learn(folder)
    assert learned
    assert learned.verdict.default.genre is None
    assert (
        "genre"
        not in json.loads((folder / HEAD_NAME).with_suffix(".json").read_text())["data"]["alike"]
    )
    if learned.verdict.adopted:
        assert learned.sentence.endswith("genres not known.")


def test_what_labels_are_trusted(home: Callable[..., Path]) -> None:
    names = ["Various Artists", "Ann", "Ann", "Bob", "[Unknown]", *TRUE[5:]]
    with open_home(Settings(home(names))) as opened:
        table = trusted_labels(opened.catalog)
    assert table["artist"].tolist()[:6] == ["", "Ann", "Ann", "Bob", "", "Artist 1"]
    assert table["album"].tolist()[:2] == ["", "Ann – Album of Ann"]
    assert set(table["genre"]) == set(GENRES)


def test_a_large_library_is_sampled_by_whole_artists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earshot.build_learning.MAX_TRACKS", 60)
    table = pd.DataFrame({"artist": [f"Artist {i // 3}" for i in range(300)]})
    chosen = sample(table, 0)
    assert 57 <= len(chosen) <= 60
    assert (chosen["artist"].value_counts() == 3).all()


def test_a_build_need_not_learn() -> None:
    assert parse([]).learn
    assert not parse(["--no-learn"]).learn


def test_a_build_learns_what_might_please_many_and_says_so_once(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise is played, tones are not: a network of no training hears that."""
    monkeypatch.setattr("recsys.popularity.measure.N_RESAMPLES", 100)
    said = "What might please many was learned from"
    earshot = Commands(tmp_path / "home", capfdbinary)
    for number in range(48):
        artist = number // 2
        wave = sound(300 + 100 * artist + number, 1e-2, artist % 4 / 3, seconds=1.5, rate=RATE)
        path = tmp_path / "music" / f"{number}.flac"
        write(path, wave, title=f"Song {number}", artist=f"Artist {artist}")
    tagger = write_tagger(tmp_path / "tagger.safetensors")
    arguments = (tmp_path / "music", "--tagger", tagger, "--segments", "1")
    assert earshot.build_json(*arguments)["popularity"] is None, "nobody has played anything"
    rng = np.random.default_rng(0)
    with Catalog(earshot.home) as catalog:
        for name in range(20):
            person = catalog.listener(f"person {name}", create=True)
            assert person
            played = [
                track.id
                for track in catalog.tracks(range(1, 49))
                if rng.random() < 0.1 + 0.28 * (int(track.artist.split()[1]) % 4)
            ]
            catalog.record_listens(person.id, [(track, 1 + n) for n, track in enumerate(played)])
    left_out = earshot.build("--again", "--no-learn")
    assert (left_out.status, said in left_out.out.decode()) == (0, False)
    assert not (earshot.home / POPULARITY_NAME).exists()
    learned = earshot.build("--again").out.decode()
    assert learned.count(said) == 1
    (line,) = (line for line in learned.splitlines() if said in line)
    assert "played tracks of 24 artists: a rank correlation of 0." in line
    assert (earshot.home / POPULARITY_NAME).exists()
    assert said not in earshot.build("--again").out.decode(), "nothing has changed"
