"""`earshot evaluate` on a small home: its figures, its files, its errors."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import Commands
from made_home import ARTISTS, N_TRACKS, NAMES, make_home, write_music

from recsys.catalog import Catalog
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.similarity.similar_tracks import SimilarTracks

SYSTEMS = ["home", "logits", "penultimate:MSD_musicnn", "penultimate:MTT_musicnn", "random"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "home", tmp_path / "music")
    return tmp_path / "home"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A CSV beside the music, without artists: these are in the tags."""
    (tmp_path / "music").mkdir()
    rock = [number < N_TRACKS // 2 for number in range(N_TRACKS)]
    table = pd.DataFrame(
        {
            "path": [f"{number}.wav" for number in range(N_TRACKS)] + ["not there.wav"],
            "kind": ["Rock|loud" if r else "classical" for r in rock] + ["rock"],
            "rock": [str(int(r)) for r in rock] + ["1"],
            "piano": ["0" if r else "1" for r in rock] + ["0"],
        }
    )
    table.to_csv(tmp_path / "music" / "labels.csv", index=False)
    return tmp_path / "music" / "labels.csv"


def test_the_figures(earshot: Commands) -> None:
    content = ["content", "--by", "artist", "-k", "1,3", "--json"]
    figures = earshot.run("evaluate", *content).json
    assert list(figures["systems"]) == SYSTEMS
    assert list(figures["systems"]["home"]) == [
        *("P@1", "P@3", "R@1", "R@3", "nDCG@1", "nDCG@3", "MAP", "R-precision")
    ]
    best = figures["systems"]["home"]["P@3"]
    assert best["n"] == N_TRACKS
    assert best["ci"][0] <= best["micro"] <= best["ci"][1]
    assert best["ci_macro"][0] <= best["macro"] <= best["ci_macro"][1]
    assert best["ceiling"] == {"macro": 1.0, "micro": 1.0}
    assert best["micro"] > 0.8
    assert figures["systems"]["random"]["P@3"]["micro"] < 0.4
    assert list(figures["paired"]) == SYSTEMS[1:]
    against = figures["paired"]["random"]["P@3"]["micro"]
    assert against["diff"] == pytest.approx(
        figures["systems"]["random"]["P@3"]["micro"] - best["micro"]
    )
    assert against["ci"][1] < 0
    assert against["p"] < 0.1  # of six artists there are 64 signs
    assert set(figures["hubs"]) == set(SYSTEMS)
    assert set(figures["hubs"]["home"]) == {"max_in_degree", "skewness", "orphans"}
    assert earshot.run("evaluate", *content).json == figures  # random is the same each time


def test_the_artist_filter_and_the_choice_of_systems(earshot: Commands) -> None:
    content = ["content", "--by", "genre", "-k", "3", "--json"]
    filters = ["--exclude-same", "artist", "--exclude-same", "album"]
    figures = earshot.run("evaluate", *content, *filters, "--systems", "home").json
    assert list(figures["systems"]) == ["home"]
    assert figures["paired"] == {}
    assert figures["systems"]["home"]["P@3"]["micro"] > 0.9
    none = earshot.run(
        "evaluate", "content", "--by", "artist", "--exclude-same", "artist", "--json"
    ).json
    assert none["systems"]["home"]["P@10"]["micro"] == 0
    assert none["systems"]["home"]["P@10"]["ceiling"]["micro"] == 0
    chosen = earshot.run("evaluate", *content, "--systems", "penultimate,projection").json
    assert list(chosen["systems"]) == ["home", "projection", *SYSTEMS[2:4]]
    against = chosen["paired"]["projection"]["MAP"]["micro"]
    assert against == {"diff": 0, "ci": [0, 0], "p": 1}


def test_scores_against_hubs_are_systems(
    earshot: Commands, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ["content", "--by", "genre", "-k", "3", "--json", "--systems", "hubs"]
    figures = earshot.run("evaluate", *content).json
    others = ["hubs:none", "hubs:csls", "hubs:mutual-proximity"]
    assert list(figures["systems"]) == list(figures["hubs"]) == ["home", *others]
    monkeypatch.setenv("EARSHOT_HUBS", "none")
    plain = earshot.run("evaluate", *content).json
    assert plain["systems"]["home"] == figures["systems"]["hubs:none"]
    assert plain["systems"]["hubs:nicdm"] == figures["systems"]["home"]
    assert plain["hubs"]["hubs:nicdm"] == figures["hubs"]["home"]
    with open_home(load_settings(home)) as opened:
        nearest = [
            [n.track.id for n in SimilarTracks.of(opened).of_track(seed, 3)]
            for seed in opened.catalog.available_tracks()
        ]
    out = home / "queries.csv"
    earshot.run("evaluate", *content, "--out", out)
    table = pd.read_csv(out)
    listed = table[table["system"] == "home"].set_index("track_id")["neighbours"].sort_index()
    assert listed.tolist() == ["|".join(map(str, row)) for row in nearest], "home is what is served"


def test_exposure(earshot: Commands, home: Path) -> None:
    figures = earshot.run("evaluate", "exposure", "-k", "5", "--top", "30", "--json").json
    with open_home(load_settings(home)) as opened:
        lists = [
            [n.track for n in SimilarTracks.of(opened).of_track(seed, 5)]
            for seed in opened.catalog.available_tracks()
        ]
    counts = Counter(track.id for found in lists for track in found)
    assert (figures["k"], figures["n_tracks"]) == (5, N_TRACKS)
    assert {t["track_id"]: t["in_degree"] for t in figures["tracks"] if t["in_degree"]} == counts
    degrees = [t["in_degree"] for t in figures["tracks"]]
    assert degrees == sorted(degrees, reverse=True)
    artists = Counter(track.artist for found in lists for track in found)
    assert {a["artist"]: a["places"] for a in figures["artists"]} == artists
    assert sum(a["share"] for a in figures["artists"]) == pytest.approx(1)
    assert all(a["places_per_track"] == a["places"] / 4 for a in figures["artists"])
    hubs = figures["hubs"]
    assert [hubs[name]["method"] for name in ("home", "uncorrected")] == ["nicdm", "none"]
    assert hubs["home"]["max_in_degree"] == max(degrees)
    assert hubs["home"]["orphans"] == degrees.count(0) / N_TRACKS
    difference = np.abs(np.subtract.outer(degrees, degrees)).mean()
    assert hubs["home"]["gini"] == pytest.approx(difference / 2 / np.mean(degrees))
    text = earshot.run("evaluate", "exposure", "--top", "2").out.decode()
    assert "Most exposed artists" in text and "nicdm" in text
    assert earshot.run("evaluate", "exposure", "--top", "0").status == 2


def test_the_table(earshot: Commands) -> None:
    text = earshot.run("evaluate", "content", "--by", "artist", "-k", "5").out.decode()
    for word in ("macro", "attainable", "R-precision", "penultimate:MTT_musicnn", "in-degree"):
        assert word in text
    assert "0.600" in text  # the ceiling of three others in a list of five


def test_labels_of_a_file_join_the_tags(earshot: Commands, labels: Path) -> None:
    content = ["content", "--labels", labels, "--by", "kind", "-k", "5", "--json"]
    figures = earshot.run("evaluate", *content, "--exclude-same", "artist").json
    best = figures["systems"]["home"]["P@5"]
    assert best["n"] == N_TRACKS
    assert best["micro"] > 0.9
    assert best["ceiling"]["micro"] == 1


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_every_query_is_written(earshot: Commands, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"queries.{suffix}"
    content = ["content", "--by", "genre", "-k", "5", "--out", path, "--json"]
    figures = earshot.run("evaluate", *content).json
    table = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    assert len(table) == len(SYSTEMS) * N_TRACKS
    for system, rows in table.groupby("system"):
        for metric, value in figures["systems"][system].items():
            assert rows[metric].mean() == pytest.approx(value["micro"])
        for row in rows.itertuples():
            neighbours = row.neighbours.split("|")
            assert len(neighbours) == len(set(neighbours)) == 5
            assert str(row.track_id) not in neighbours
    assert set(table["artist"]) == set(ARTISTS)


def test_a_picture_is_drawn(earshot: Commands, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    result = earshot.run("evaluate", "content", "--by", "artist", "-k", "12", "--plot", path)
    assert result.status == 0, result.err
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 20_000


def test_mfccs_are_computed_once(earshot: Commands, home: Path, tmp_path: Path) -> None:
    write_music(tmp_path / "music", range(N_TRACKS - 1))  # the last file is gone
    content = ["content", "--by", "artist", "-k", "3", "--json"]
    first = earshot.run("evaluate", *content, "--systems", "random", "--mfcc")
    assert first.status == 0
    assert f"{N_TRACKS - 1}.wav" in first.err
    assert "1 tracks lack" in first.err
    assert list(first.json["systems"]) == ["home", "random", "mfcc"]
    assert first.json["systems"]["mfcc"]["P@3"]["n"] == N_TRACKS - 1
    assert first.json["systems"]["mfcc"]["P@3"]["micro"] > 0.5
    with Catalog(home) as catalog:
        assert catalog.extractors() == [*NAMES, "mfcc20-float32-2"]
        assert catalog.counts().ready == N_TRACKS
    (tmp_path / "music" / "0.wav").unlink()  # not decoded again
    again = earshot.run("evaluate", *content, "--systems", "random,mfcc")
    assert again.json == first.json
    assert "mfcc" not in earshot.run("evaluate", *content).json["systems"]  # one track lacks it


def test_mfccs_of_nothing(earshot: Commands) -> None:
    result = earshot.run("evaluate", "content", "--by", "artist", "--mfcc")
    assert result.status == 1
    assert "None of the tracks" in result.err


def test_tags(earshot: Commands, labels: Path) -> None:
    figures = earshot.run("evaluate", "tags", "--labels", labels, "--by", "kind", "--json").json
    msd, mtt = (figures["taggers"][name] for name in NAMES)
    assert [row["tag"] for row in msd["tags"]] == ["rock", "classical"]
    assert [row["tag"] for row in mtt["tags"]] == ["rock"]
    assert msd["roc_auc"] == msd["average_precision"] == 1.0
    assert msd["tags"][0]["n_positive"] == N_TRACKS // 2
    columns = earshot.run("evaluate", "tags", "--labels", labels, "--json").json["taggers"]
    assert [row["tag"] for row in columns[NAMES[0]]["tags"]] == ["rock"]
    assert [row["tag"] for row in columns[NAMES[1]]["tags"]] == ["rock", "piano"]
    text = earshot.run("evaluate", "tags", "--by", "genre").out.decode()
    assert "mean of 2" in text
    assert "ROC-AUC" in text


def test_triplets(earshot: Commands, labels: Path) -> None:
    rng = np.random.default_rng(0)
    half = N_TRACKS // 2
    rows = []
    for _ in range(30):
        a, b = rng.choice(half, 2, replace=False)
        c = rng.integers(half, N_TRACKS)
        order = rng.permutation(3)
        clips = np.array([f"{a}.wav", f"{b}.wav", f"{c}.wav"])[order]
        rows.append([*clips, *np.array([1, 0, 4])[order]])
    rows.append(["0.wav", "1.wav", "nowhere.wav", 1, 1, 1])
    path = labels.parent / "judgements.csv"
    columns = ["a", "b", "c", "votes_a", "votes_b", "votes_c"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    figures = earshot.run("evaluate", "triplets", path, "--json").json
    assert figures["triplets"] == {"used": 30, "left_out": 1}
    assert list(figures["systems"]) == SYSTEMS
    assert figures["systems"]["home"]["majority"]["mean"] == 1.0
    votes = figures["systems"]["home"]["votes"]
    assert votes["mean"] == votes["ceiling"] == pytest.approx(0.8)
    assert votes["chance"] == pytest.approx(1 / 3)
    assert figures["paired"]["random"]["majority"]["ci"][1] < 0
    text = earshot.run("evaluate", "triplets", path, "--systems", "random").out.decode()
    assert "chance" in text
    assert "30 triplets used, 1 left out" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["content", "--by", "mood"], 'no column "mood"'),
        (["content", "--by", "genre", "--exclude-same", "mood"], 'no column "mood"'),
        (["content", "--by", "genre", "--min-group", "99"], "No track has a label"),
        (["content", "--by", "genre", "-k", "0"], "at least 1"),
        (["content", "--by", "genre", "--systems", "mfcc"], "--mfcc makes it"),
        (["content", "--by", "genre", "--out", "x.txt"], ".parquet or .csv"),
        (["content", "--by", "genre", "--plot", "/nowhere/x.png"], "no folder"),
        (["content", "--by", "genre", "--labels", "nothing.csv"], "cannot be read"),
        (["tags"], "--labels, --by or both"),
        (["tags", "--by", "artist"], "No tag of the taggers"),
        (["triplets", "nothing.csv"], "cannot be read"),
    ],
)
def test_usage(earshot: Commands, arguments: list[str], sentence: str) -> None:
    result = earshot.run("evaluate", *arguments)
    assert result.status == 2
    assert sentence in result.err


def test_a_home_without_an_index(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    result = Commands(tmp_path / "new", capfdbinary).run("evaluate", "content", "--by", "genre")
    assert result.status == 1
    assert result.err


def test_nothing_heavy_is_loaded_that_is_not_asked_for(home: Path) -> None:
    code = (
        "import sys; from earshot.cli import main\n"
        "assert main(['evaluate', *sys.argv[1:]]) == 0\n"
        "heavy = {'torch', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code, "content", "--by", "genre", "--json", "--home", str(home)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_regression_foretells_numbers_on_other_artists(
    earshot: Commands, home: Path, tmp_path: Path
) -> None:
    labels = home.parent / "music" / "numbers.csv"
    rows = [f"{n}.wav,{float(n < N_TRACKS // 2)},{n}" for n in range(N_TRACKS)]
    labels.parent.mkdir(exist_ok=True)
    labels.write_text("\n".join(["path,rock,order", *rows]) + "\n")
    few = earshot.run("evaluate", "regression", "--labels", labels, "--columns", "rock")
    assert (few.status, "artists are too few" in few.err) == (2, True)
    own = "\n".join(
        ["path,rock,artist", *(f"{row.rsplit(',', 1)[0]},{n}" for n, row in enumerate(rows))]
    )
    labels.write_text(own + "\n")
    found = earshot.run("evaluate", "regression", "--labels", labels, "--columns", "rock", "--json")
    assert found.status == 0, found.err
    layers = found.json["features"]
    assert list(layers) == ["tags", "penultimate", "pooled", "all layers"]
    assert all(layers[name]["rock"]["r2"] > 0.7 for name in layers)
    missing = earshot.run("evaluate", "regression", "--labels", labels, "--columns", "artist,x")
    assert (missing.status, 'no column "x"' in missing.err) == (2, True)
