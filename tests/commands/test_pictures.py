"""`earshot plot`: pictures of a library and of its tracks are drawn, or it is said why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import pytest
from commands import Commands
from made_home import make_home, scanned_file

from earshot.pictures import draw_wheel
from recsys.catalog import Catalog
from recsys.home.files import LAYOUT_NAME
from recsys.home.home import open_home
from recsys.home.settings import Settings
from recsys.track_map.layout import refresh_layout
from recsys.track_map.wheel import wheel_points


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a map, in which two tracks have a key."""
    folder = tmp_path_factory.mktemp("pictures")
    home, music = folder / "home", folder / "music"
    make_home(home, music)
    with open_home(Settings(home)) as opened:
        refresh_layout(opened.index, home / LAYOUT_NAME, workers=1)
    with Catalog(home) as catalog:
        for number, key in ((1, "A minor"), (2, "C major")):
            tags = replace(scanned_file(number - 1, music).tags, initial_key=key)
            catalog.record_tags({number: tags})
    return home


@pytest.fixture
def earshot(made: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    return Commands(made, capfdbinary)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("map", "--tag", "rock", "--tag", "piano"), "rock"),
        (("map",), ""),
        (("taggram", "1", "--tags", "5"), "highlight 0:"),
        (("similarity", "1", "2"), "most alike at"),
        (("tempo-key",), "2 of "),
    ],
)
def test_a_picture_is_drawn_and_said_in_words(
    earshot: Commands, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "picture.png"
    result = earshot.run("plot", *arguments, "--out", out)
    assert result.status == 0, result.err
    assert said in result.out.decode() and "is drawn" in result.err
    pixels = matplotlib.image.imread(out)
    assert pixels.shape[0] > 300 and pixels.std() > 0.02, "it is not empty"


def test_vectors_are_drawn_too(earshot: Commands, tmp_path: Path) -> None:
    out = tmp_path / "picture.svg"
    assert earshot.run("plot", "taggram", "1", "--out", out).status == 0
    assert out.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("map", "--tag", "roc"), 1, 'The taggers have no tag "roc". Did you mean "rock"?'),
        (("taggram", "nothing like it at all"), 1, "No track of the library matches"),
        (("similarity", "1"), 2, "OTHER"),
        (("taggram", "1", "--out", "picture.gif"), 2, ".png"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    earshot: Commands, tmp_path: Path, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    out = () if "--out" in arguments else ("--out", tmp_path / "picture.png")
    result = earshot.run("plot", *arguments, *out)
    assert result.status == status and sentence in result.err


def test_a_large_librarys_vector_picture_holds_one_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, points = tmp_path / "wheel.svg", wheel_points((n, "A minor", 120.0) for n in range(300))
    draw_wheel(path, points, "shapes")
    assert "<image" not in path.read_text()
    monkeypatch.setattr("earshot.pictures.MOST_SHAPES", 299)
    draw_wheel(path, points, "an image")
    assert "<image" in path.read_text()
