"""`earshot evaluate listening` on small tables and on a home: figures, files, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import Commands
from made_home import N_TRACKS, make_home

from recsys.catalog import Catalog

SYSTEMS = [
    *("random", "popularity", "item-knn", "als", "bpr"),
    *("content", "artist-mean", "ridge", "ridge-artist"),
]
METRICS = {
    *(f"{m}@{k}" for m in ("P", "R", "nDCG") for k in (10, 20, 100)),
    *("MAP", "AUC", "coverage", "gini", "novelty", "intra-list similarity", "artist repetition"),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "home", tmp_path / "music")
    return tmp_path / "home"


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    """Sixty listeners of three kinds of music, 90 items, in columns of other names."""
    rng = np.random.default_rng(0)
    kind = np.arange(90) % 3
    rows = []
    for listener in range(60):
        chance = np.where(kind == listener % 3, 8.0, 1.0)
        played = rng.choice(90, 20, replace=False, p=chance / chance.sum())
        rows += [(f"listener {listener}", f"item {n}", rng.integers(1, 9)) for n in played]
    pd.DataFrame(rows, columns=["playlist", "track", "n"]).to_parquet(tmp_path / "I.parquet")
    sound = np.eye(3)[kind] + rng.normal(0, 0.3, (90, 3))
    items = pd.DataFrame(sound, columns=["loud", "fast", "bright"])
    items.insert(0, "track", [f"item {number}" for number in range(90)])
    items["genres"] = [("rock", "jazz|cool", "folk")[k] for k in kind]
    items["band"] = [f"band {number % 30}" for number in range(90)]
    items.to_csv(tmp_path / "J.csv", index=False)
    return [
        *("listening", "--interactions", str(tmp_path / "I.parquet")),
        *("--items", str(tmp_path / "J.csv"), "--user-column", "playlist"),
        *("--item-column", "track", "--count-column", "n", "--artist-column", "band"),
    ]


def test_a_comparison_of_all_systems(earshot: Commands, tables: list[str], tmp_path: Path) -> None:
    out, drawn = tmp_path / "rows.parquet", tmp_path / "picture.png"
    written = ["--out", str(out), "--plot", str(drawn), "--json"]
    report = earshot.run("evaluate", *tables, "--protocol", "cold-item", *written).json
    assert report["protocol"] == "cold-item"
    assert [report[n] for n in ("listeners", "items", "pairs")] == [60, 90, 1200]
    assert set(SYSTEMS) <= set(report["systems"])
    for metrics in report["systems"].values():
        assert set(metrics) >= METRICS
        assert metrics["R@20"]["ci"][0] <= metrics["R@20"]["mean"] <= metrics["R@20"]["ci"][1]
    best = report["systems"]["ridge"]["nDCG@100"]["mean"]
    assert best > report["systems"]["random"]["nDCG@100"]["mean"] + 0.1
    assert report["seconds"] > 0
    assert report["notes"] == ["Content: loud, fast, bright, genres."]
    rows = pd.read_parquet(out)
    assert set(rows["system"]) == set(report["systems"])
    mean = rows.loc[rows["system"] == "ridge", "R@20"].mean()
    assert mean == pytest.approx(report["systems"]["ridge"]["R@20"]["mean"])
    assert set(rows["user"]) <= {f"listener {number}" for number in range(60)}
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_chosen_columns_systems_and_seeds(earshot: Commands, tables: list[str]) -> None:
    chosen = [
        *("--content-columns", "loud,fast", "--text-columns", "genres"),
        *("--min-item-listeners", "3", "--require-content", "--systems", "content,popularity"),
    ]
    told = earshot.run(
        "evaluate",
        *tables,
        *chosen,
        "--protocol",
        "cold-user",
        "--user-seeds",
        "1,5",
        "--seeds",
        "2",
    )
    assert told.status == 0, told.err
    assert "Content: loud, fast, genres." in told.err
    text = told.out.decode()
    assert "cold-user, seeds: 2, 60 listeners, 90 items, 1200 pairs" in text
    assert "Held-out plays, tracks known of each: 1" in text
    assert "Lists of 20, tracks known of each: 5" in text
    report = earshot.run("evaluate", *tables, *chosen, "--protocol", "cold-user", "--json").json
    assert list(report["by_user_seeds"]) == ["1", "5", "10"]
    assert report["systems"] == report["by_user_seeds"]["1"]["systems"]


def test_a_sweep(earshot: Commands, tables: list[str]) -> None:
    swept = ["--sweep", "consistency", "--systems", "content"]
    report = earshot.run("evaluate", *tables, *swept, "--json").json
    assert report["control"] == "consistency"
    assert [level["level"] for level in report["levels"]] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert set(report["levels"][0]["R@20"]) == {"mean", "ci", "diff", "diff_ci"}
    text = earshot.run("evaluate", *tables, *swept).out.decode()
    assert "held-out similarity" in text


def test_what_is_said_instead_of_figures(
    earshot: Commands, tables: list[str], tmp_path: Path
) -> None:
    pd.DataFrame({"user": [1, 2], "item": [1, 2]}).to_csv(tmp_path / "few.csv", index=False)
    few = ["listening", "--interactions", str(tmp_path / "few.csv")]
    for arguments, status, sentence in [
        ([*tables, "--user-column", "who"], 2, 'has no column "who"'),
        (["listening", "--interactions", "nowhere.csv"], 2, "nowhere.csv cannot be read"),
        ([*tables, "--systems", "best"], 2, 'There is no system "best"'),
        ([*few, "--systems", "content"], 2, "No content is known"),
        (few, 1, "The listens are too few for warm"),
        ([*tables, "--min-item-listeners", "99"], 1, "None of the 90 items has 99 listeners"),
        ([*tables, "--seeds", "0"], 2, "whole number of at least 1"),
        ([*tables, "--user-seeds", "a"], 2, "whole number of at least 1"),
        (["listening", "--items", "J.csv"], 2, "which is missing"),
        ([*tables, "--sweep", "diversity", "--out", "x.csv"], 2, "belong to the comparison"),
        ([*tables, "--out", "x.txt"], 2, "ends in"),
    ]:
        result = earshot.run("evaluate", *arguments)
        assert result.status == status, result.err
        assert sentence in result.err


def test_a_home(home: Path, earshot: Commands, tmp_path: Path) -> None:
    nothing = earshot.run("evaluate", "listening")
    assert nothing.status == 1
    assert "Nobody has listened" in nothing.err
    lines = []
    for listener in range(12):
        tracks = np.random.default_rng(listener).permutation(N_TRACKS // 2)[:8]
        for minute, track in enumerate(tracks + (listener % 2) * (N_TRACKS // 2)):
            lines.append((f"ann {listener}", 60 * minute, f"Song {track}", track))
    with Catalog(home) as catalog:
        artists = {t.title: t.artist for t in catalog.available_tracks()}
    table = pd.DataFrame(lines, columns=["user", "timestamp", "title", "artist"])
    table["artist"] = table["title"].map(artists)
    table["timestamp"] += 1_700_000_000
    table.to_csv(tmp_path / "listens.csv", index=False)
    imported = earshot.run("import", tmp_path / "listens.csv")
    assert imported.status == 0, imported.err
    report = earshot.run(
        "evaluate", "listening", "--systems", "content,item-knn,artist-mean", "--json"
    ).json
    assert report["listeners"] == 12
    assert list(report["systems"]) == ["item-knn", "content", "artist-mean"]
    assert report["systems"]["content"]["AUC"]["mean"] > 0.7
    assert report["notes"][0] == "Content: the embeddings of the index."
