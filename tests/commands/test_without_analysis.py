"""A machine that only serves: the packages of the extra `analysis` are not installed."""

from __future__ import annotations

import http.cookiejar
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_home import make_home
from sounds import tune, write

from earshot.extras import HOW_TO_INSTALL
from recsys.catalog import Catalog

OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
)
HOW = "pip install 'earshot[analysis]'"
ABSENT = [package for package, how in HOW_TO_INSTALL.items() if how == HOW]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "home", tmp_path / "music")
    return tmp_path / "home"


@pytest.fixture
def listens(tmp_path: Path) -> Path:
    """A table of what two people played."""
    rows = [f"{name},Song {n},Ada" for name in ("ann", "bob") for n in range(4)]
    (tmp_path / "listens.csv").write_text("\n".join(["user,title,artist", *rows]))
    return tmp_path / "listens.csv"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a process that finds none of the packages."""
    return without(tmp_path, *ABSENT)


def without(tmp_path: Path, *packages: str) -> dict[str, str]:
    """Return the environment of a process that does not find some packages."""
    for package in packages:
        text = f"raise ModuleNotFoundError('No module named {package}', name={package!r})"
        (tmp_path / "absent" / package).mkdir(parents=True)
        (tmp_path / "absent" / package / "__init__.py").write_text(text)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "absent")}


def earshot(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "earshot", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("similar", "song 3"),
        ("recommend", "--like", "song 3"),
        ("account", "list"),
        ("evaluate", "content", "--by", "genre"),
        ("teach", "for running", "--listener", "ann", "--fits", "1", "--fits", "2"),
    ],
)
def test_what_needs_no_analysis_works(
    environment: dict[str, str], home: Path, arguments: tuple[str, ...]
) -> None:
    done = earshot(environment, *arguments, "--home", home)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stdout


def test_listens_are_imported_and_learned_from(
    environment: dict[str, str], home: Path, listens: Path
) -> None:
    done = earshot(environment, "import", listens, "--home", home)
    assert done.returncode == 0, done.stderr


def test_a_cluster_needs_an_extra_and_the_listens_are_kept_without_it(
    home: Path, listens: Path, tmp_path: Path
) -> None:
    environment = {**without(tmp_path, "py4j", "pyspark"), "EARSHOT_SPARK": "local[1]"}
    done = earshot(environment, "import", listens, "--home", home)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "Install it with: pip install 'earshot[spark]'" in done.stderr
    with Catalog(home) as catalog:
        assert [listener.n_listens for listener in catalog.listeners()] == [4, 4]


@pytest.mark.parametrize(
    "command", ["build", "train-head", "train-tagger", "plot kernels", "weights"]
)
def test_what_needs_analysis_says_how_to_get_it(environment: dict[str, str], command: str) -> None:
    done = earshot(environment, *command.split(), "--help")
    assert done.returncode == 1
    assert done.stderr.startswith(f"earshot {command}: ")
    assert done.stderr.endswith(f"is not installed, which this needs. Install it with: {HOW}\n")


def test_a_file_from_outside_needs_analysis(
    environment: dict[str, str], home: Path, tmp_path: Path
) -> None:
    done = earshot(environment, "similar", write(tmp_path / "x.flac", tune(0)), "--home", home)
    assert done.returncode == 1
    assert done.stderr == f"torch is not installed, which this needs. Install it with: {HOW}\n"


@pytest.fixture
def address(environment: dict[str, str], home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "earshot", "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().removeprefix("Serving on ").strip()
        process.terminate()
        log = process.communicate(timeout=60)[1]
        assert (process.returncode, "Traceback" in log) == (0, False), log


def test_a_server_without_analysis_answers_and_says_what_a_dropped_file_needs(address: str) -> None:
    def ask(path: str, **options: object) -> dict[str, object]:
        request = urllib.request.Request(address + path, **options)  # type: ignore[arg-type]
        try:
            with OPENER.open(request, timeout=60) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    similar = ask("/api/v1/tracks/1/similar?k=3")
    assert len(similar["tracks"]) == 3  # type: ignore[arg-type]
    headers = {"X-Earshot-Token": ask("/api/v1/session")["token"]}
    headers["Content-Type"] = "application/octet-stream"
    refused = ask("/api/v1/sounds?name=x.mp3", data=b"music", headers=headers)
    assert HOW in str(refused), refused
    assert "This server does not analyse files: torch is not installed" in str(refused)
