"""The whole road of a text–audio model: build, then words on the command line, API and page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from commands import Commands
from flask.testing import FlaskClient
from small_taggers import write_tagger
from sounds import RATE, write
from text_audio_model import sound, write_model

from earshot import cli
from recsys.catalog import Catalog
from recsys.home.audio_embeddings import text_audio_model
from recsys.home.files import AUDIO_EMBEDDINGS_NAME
from recsys.home.home import open_home
from recsys.home.settings import Settings
from webui.app import create_app

SOUNDS = {  # Hz, mean square, share of noise
    "Low and loud": (220, 3e-2, 0),
    "Low and quiet": (230, 1e-4, 0),
    "High and loud": (6500, 3e-2, 0),
    "High and quiet": (6600, 1e-4, 0),
    "Noisy and loud": (3000, 3e-2, 1),
    "Noisy and quiet": (3001, 1e-4, 1),
}
MODEL = "the text–audio model sounds"


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger whose tags know nothing."""
    path = tmp_path_factory.mktemp("tagger") / "trained.safetensors"
    return write_tagger(path, ("calm", "quiet"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, tagger: Path) -> Path:
    """A home of the sounds, heard by the tagger and by the model."""
    folder = tmp_path_factory.mktemp("library")
    for title, (pitch, level, noise) in SOUNDS.items():
        wave = sound(pitch, level, noise, rate=RATE)
        artist = title.partition(" ")[0]
        write(folder / "music" / f"{title}.flac", wave, title=title, artist=artist)
    model = write_model(folder / "model")
    taggers = ("--tagger", f"{tagger},{model}", "--segments", "2")
    assert cli.main(["build", str(folder / "music"), *taggers, "--home", str(folder / "home")]) == 0
    return folder


@pytest.fixture
def built(library: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    """A home of one's own; its music is everybody's."""
    return Commands(shutil.copytree(library / "home", tmp_path / "built"), capfdbinary)


@pytest.fixture
def client(built: Commands) -> Iterator[FlaskClient]:
    app = create_app(Settings(built.home))
    yield app.test_client()
    app.extensions["served_home"].close()


def titles(answer: dict[str, Any]) -> list[str]:
    return [row["title"] for row in answer["results"]]


def asked(earshot: Commands, words: str) -> dict[str, Any]:
    result = earshot.similar("--words", words, "--json")
    assert result.status == 0, result.err
    answer: dict[str, Any] = result.json
    return answer


def test_words_are_compared_with_sound(built: Commands) -> None:
    for word in ("low", "high", "noisy"):
        answer = asked(built, f"some {word} music")
        assert {title.partition(" ")[0].lower() for title in titles(answer)[:2]} == {word}
        assert answer["understood"] == [{"words": f"some {word} music", "taken_for": [MODEL]}]
        assert set(answer) == {"understood", "ignored", "results"}
        assert answer["results"][0]["met"] == [f"some {word} music"]
        assert answer["results"][-1]["met"] == []
        assert answer["ignored"] == []
    quiet = asked(built, "quiet")
    assert all(title.endswith("quiet") for title in titles(quiet)[:3]), "not by the tag"
    scores = [row["score"] for row in quiet["results"]]
    assert scores == sorted(scores, reverse=True) and abs(sum(scores)) < 1e-3


def test_the_grammar_goes_on_beside_the_model(built: Commands) -> None:
    answer = asked(built, "low, without quiet")
    assert titles(answer)[0] == "Low and loud"
    assert [part["words"] for part in answer["understood"]] == ["low", "without quiet"]
    assert answer["results"][0]["met"] == ["low", "without quiet"]
    assert titles(asked(built, "noisy but not loud"))[0] == "Noisy and quiet"
    alike = asked(built, "loud, like noisy")
    assert titles(alike)[0] == "Noisy and loud"
    assert alike["understood"][0]["taken_for"] == ["Noisy"]
    assert asked(built, "noisy, shorter than 1 minute")["understood"][1]["words"] == (
        "shorter than 1 minute"
    )
    year = built.similar("--words", "noisy from the 70s", "--json")
    assert year.json["ignored"] == ["from the 70s"]
    assert titles(year.json)[0].startswith("Noisy")


def test_a_tag_of_ones_own_stays_a_tag(built: Commands) -> None:
    with Catalog(built.home) as catalog:
        ids = {track.title: track.id for track in catalog.tracks(range(1, 7))}
        ann = catalog.listener("ann", create=True)
        assert ann
        marks = [(ids[title], title.startswith("High")) for title in SOUNDS]
        catalog.teach(ann.id, "Sunday", marks)
    result = built.similar("--words", "quiet sunday", "--listener", "ann", "--json")
    understood = {part["words"]: part["taken_for"] for part in result.json["understood"]}
    assert understood == {"quiet": [MODEL], "sunday": ["Sunday"]}


def test_the_api_the_page_and_the_search_box(client: FlaskClient) -> None:
    answer = client.get("/api/v1/words?" + urlencode({"q": "low without quiet"})).get_json()
    assert answer["understood"] == [
        {"words": "low", "taken_for": [MODEL]},
        {"words": "without quiet", "taken_for": [MODEL]},
    ]
    assert titles(answer)[0] == "Low and loud" and answer["sentences"] == []
    found = client.get("/?" + urlencode({"q": "very noisy sounds"}))
    assert found.status_code == 302
    page = client.get(found.location).text
    assert MODEL in page
    assert page.index("Noisy and") < min(page.index("Low and"), page.index("High and"))


def test_embeddings_are_made_once_and_shared(built: Commands, tmp_path: Path) -> None:
    file = built.home / AUDIO_EMBEDDINGS_NAME
    before = file.stat().st_mtime_ns
    built.build_json("--again")
    assert file.stat().st_mtime_ns == before
    copies = tmp_path / "copies"
    copies.mkdir()
    values = []
    for folder in (None, copies, copies):
        with open_home(Settings(built.home), copies=folder) as home:
            model = text_audio_model(built.home, home.projection.extractors)
            assert model
            values.append(home.tables.audio_embeddings(model.extractor))
    assert all(np.array_equal(values[0], other) for other in values)
    lengths = np.linalg.norm(values[0].astype(np.float32), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=2e-3)
    assert len(list(copies.glob("audio-embeddings-*"))) == 1
    file.unlink()  # then they are made of the features
    assert titles(asked(built, "low"))[0].startswith("Low") and file.exists()


def test_a_text_side_that_cannot_be_used(built: Commands) -> None:
    (text,) = (built.home / "weights").glob("sounds.*.text.onnx")
    text.write_bytes(b"another")
    result = built.similar("--words", "quiet xyzzy, without blorpy", "--json")
    assert result.status == 0
    assert result.json["understood"] == [{"words": "quiet", "taken_for": ["quiet"]}]
    assert result.err.count("is not the file that it was: give `earshot build") == 1
    assert "Tags are used instead." in result.err


def test_a_build_without_the_model_searches_by_tags(
    built: Commands, tagger: Path, library: Path
) -> None:
    built.build_json(library / "music", "--tagger", tagger, "--segments", 2)
    answer = asked(built, "quiet")
    assert answer["understood"] == [{"words": "quiet", "taken_for": ["quiet"]}]


def test_a_model_without_its_tokenizer_is_refused_before_anything_is_heard(
    earshot: Commands, music: Path, tmp_path: Path, tagger: Path
) -> None:
    model = write_model(tmp_path / "model", "half")
    model.with_suffix(".tokenizer.json").write_text(json.dumps({}))
    result = earshot.build(music, "--tagger", f"{tagger},{model}")
    assert result.status == 1
    assert "half.text.onnx cannot be used: its tokenizer says" in result.err
    model.with_suffix(".tokenizer.json").unlink()
    result = earshot.build(music, "--tagger", f"{tagger},{model}")
    assert f"There is no {model.with_suffix('.tokenizer.json')}" in result.err
