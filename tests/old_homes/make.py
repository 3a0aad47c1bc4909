"""Make a small home of every file and table that the program writes, and note its answers.

    python tests/old_homes/make.py 2026-11

writes tests/old_homes/2026-11.zip. Run before a file format or a table changes: later versions must
open that home, answer the same, and analyse nothing anew.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import mutagen.wave
from mutagen.id3 import TALB, TCON, TIT2, TPE1

sys.path.append(str(Path(__file__).parents[1] / "commands"))  # for sounds
sys.path.append(str(Path(__file__).parents[2]))  # where this is run by name

from sounds import tune, write

from recsys.accounts import Accounts
from recsys.catalog import Catalog
from recsys.home.settings import Settings
from webui.app import create_app

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

ARTISTS = ("Ada", "Bix", "Cleo", "Dinah", "Ella", "Fats")
N_TRACKS = 4 * len(ARTISTS)
COMMANDS = {  # whose answers are kept
    "similar": ("similar.py", "3", "-k", "5"),
    "recommend_listener": ("recommend.py", "--listener", "ann", "-k", "5"),
    "recommend_seeds": (
        "recommend.py",
        "--like",
        "3",
        "--unlike",
        "20",
        "--tag",
        "rock",
        "-k",
        "5",
    ),
    "recommend_path": ("recommend.py", "--from", "1", "--to", "24", "--length", "5"),
    "recommend_taught": ("recommend.py", "--listener", "ann", "--tag", "for running", "-k", "5"),
    "taught": ("teach_tag.py", "--listener", "ann", "--list"),
}
PAGES = (  # answers of the API
    "/api/v1/tracks/3",
    "/api/v1/tracks/3/similar?k=5",
    "/api/v1/tracks/3/similar/5",
    "/api/v1/tracks/3/taggram",
    "/api/v1/mix?like=track:3&length=5",
    "/api/v1/mix?length=5",
    "/api/v1/feedback",
    "/api/v1/playlists/1",
    "/api/v1/playlists/1/continuation?k=5",
    "/api/v1/map/colours?by=cluster",
)


def write_music(folder: Path) -> None:
    """Write the tracks, the same on every run; each has other audio."""
    for number in range(N_TRACKS):
        artist = ARTISTS[number // 4]
        path = write(folder / f"{number}.wav", tune(number // 4, 4.0 + number % 4 / 10))
        file = mutagen.wave.WAVE(path)
        file.add_tags()
        genre = "Rock" if number < N_TRACKS // 2 else "Classical"
        album = f"{artist} live"
        frames = ((TIT2, f"Song {number}"), (TPE1, artist), (TALB, album), (TCON, genre))
        for frame, text in frames:
            file.tags.add(frame(encoding=3, text=[text]))
        file.save()


def write_listens(path: Path) -> None:
    """Write plays of four listeners, with times: each prefers some artists."""
    rows = ["user,time,title,artist"]
    for person, name in enumerate(("ann", "bob", "cid", "dan")):
        for number in range(N_TRACKS):
            for play in range((number // 4 + person) % 4 * (number % 3)):
                time = 1_700_000_000 + 86_400 * play + 100 * number + person
                rows.append(f"{name},{time},Song {number},{ARTISTS[number // 4]}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def run(script: str, *arguments: str, home: Path) -> bytes:
    """Run a command on the home, and give what it prints."""
    command = [sys.executable, str(ROOT / "scripts" / script), *arguments, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return done.stdout


def fill(home: Path, music: Path, listens: Path) -> None:
    """Build the home, import listens, teach a tag, keep a playlist, make an account, evaluate."""
    run("build_index.py", str(music), home=home)
    run("import_listens.py", str(listens), home=home)
    taught = ("--fits", "1", "--fits", "2", "--fits", "5", "--fits-not", "15", "--fits-not", "20")
    run("teach_tag.py", "for running", "--listener", "ann", *taught, home=home)
    run("evaluate.py", "content", "--by", "genre", "-k", "5", home=home)
    client = application(home).test_client()
    token = {"X-Earshot-Token": client.get("/api/v1/session").get_json()["token"]}
    evening = {"name": "Evening", "track_ids": [1, 5, 9, 5]}
    assert client.post("/api/v1/playlists", json=evening, headers=token).status_code == 201
    like = {"kind": "like"}
    assert client.put("/api/v1/tracks/7/feedback", json=like, headers=token).status_code == 200
    add_owner(home)


def application(home: Path) -> Any:
    """Return the web application of a home, as its listener ann."""
    return create_app(Settings(home), listener="ann")


def add_owner(home: Path) -> None:
    """Make the account of an owner."""
    with Catalog(home) as catalog:
        Accounts(catalog.people).add("owner", role="owner", password="correct horse")


def answers(home: Path) -> dict[str, Any]:
    """Return what commands and API answer of a home."""
    given = {}
    for name, (script, *arguments) in COMMANDS.items():
        given[name] = json.loads(run(script, *arguments, "--json", home=home))
    client = application(home).test_client()
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.get_data(as_text=True))
        given[page] = answer.get_json()
    return given


def main(name: str) -> None:
    """Write the archive of that name."""
    with tempfile.TemporaryDirectory() as folder:
        music, home = Path(folder, "music"), Path(folder, "home")
        write_music(music)
        write_listens(Path(folder, "listens.csv"))
        fill(home, music, Path(folder, "listens.csv"))
        expected = answers(home)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as files:
            for path in sorted(home.rglob("*")):
                if path.is_file() and "weights" not in path.parts:
                    files.write(path, path.relative_to(folder))
            files.writestr("expected.json", json.dumps(expected, indent=1, ensure_ascii=False))
    (HERE / f"{name}.zip").write_bytes(archive.getvalue())


if __name__ == "__main__":
    main(sys.argv[1])
