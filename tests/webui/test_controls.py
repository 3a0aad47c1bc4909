"""Every control of a list, at every interface: a field of the model is all that one takes."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from flask.testing import FlaskClient
from made_home import N_TRACKS
from werkzeug.datastructures import MultiDict

from earshot.control_options import add_controls, given_controls
from recsys.catalog import Catalog
from recsys.recommendation.controls import (
    Controls,
    Filters,
    Names,
    Number,
    Several,
    Share,
    Tuning,
    values_of,
)
from recsys.recommendation.query import Query
from recsys.recommendation.seeds import SeedResolver
from webui.api.recommendations import RecommendBody
from webui.mix_query import ADDRESS_NAMES, DEFAULTS, SIDES_OF, Mix

NAMES = list(Controls.model_fields)


def another_value(name: str) -> Any:
    """Return a value that is no default, in JSON."""
    field = Controls.model_fields[name]
    values = values_of(field)
    if isinstance(values, Share):
        return 0.25
    if isinstance(values, Number):
        return 7
    if isinstance(values, Several):
        return ["Ada"] if isinstance(values, Names) else [7]
    return not getattr(DEFAULTS, name)


def query(name: str) -> Query:
    value = another_value(name)
    return Query(**{name: tuple(value) if isinstance(value, list) else value})


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_controls(parser.add_argument_group("tune"), Tuning)
    add_controls(parser.add_argument_group("leave out"), Filters)
    return parser


def test_the_models_hold_every_control() -> None:
    assert {*Tuning.model_fields, *Filters.model_fields} == set(NAMES) <= set(Query.model_fields)
    assert all(field.description for field in Controls.model_fields.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_has_it(parser: argparse.ArgumentParser, name: str) -> None:
    (action,) = [one for one in parser._actions if one.dest == name]
    value = another_value(name)
    option = action.option_strings[0 if value is not False else 1]
    given = [] if isinstance(value, bool) else [str(value[0] if isinstance(value, list) else value)]
    args = parser.parse_args([option, *given])
    assert Query(**given_controls(args)) == query(name)
    help_text = " ".join(parser.format_help().split())
    description = (Controls.model_fields[name].description or "").removesuffix(".")
    assert option in help_text
    assert description[1:] in help_text


@pytest.mark.parametrize("name", NAMES)
def test_the_body_has_it(client: FlaskClient, name: str) -> None:
    body = RecommendBody.model_validate({name: another_value(name)})
    assert Query(**body.model_dump(include=set(NAMES))) == query(name)
    document = client.get("/api/v1/openapi.json").get_json()
    described = document["components"]["schemas"]["RecommendBody"]["properties"][name]
    assert described["description"] == Controls.model_fields[name].description
    values = values_of(Controls.model_fields[name])
    if isinstance(values, Number):
        bounds = described if "type" in described else described["anyOf"][0]
        assert (bounds["minimum"], bounds["maximum"]) == (
            values.least,
            min(values.most, values.most_public),
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_address_and_the_page_have_it(client: FlaskClient, name: str) -> None:
    values = values_of(Controls.model_fields[name])
    if isinstance(values, Several):
        assert "without" in SIDES_OF[values.kind]  # type: ignore[index]
        ref = f"{values.kind}:{another_value(name)[0]}"
        page = client.get(f"/?without={ref}").get_data(as_text=True)
        assert f'<input type="hidden" name="without" value="{ref}">' in page
        return
    mix = Mix(controls=DEFAULTS.model_copy(update={name: another_value(name)}))
    ((address_name, text),) = mix.arguments()
    assert address_name == ADDRESS_NAMES[name]
    assert Mix.parse(MultiDict(mix.arguments())) == mix
    document = client.get("/api/v1/openapi.json").get_json()
    parameters = document["paths"]["/api/v1/mix"]["get"]["parameters"]
    assert address_name in {parameter["name"] for parameter in parameters}
    page = client.get(f"/?{address_name}={text}").get_data(as_text=True)
    assert f'<label for="{address_name}">{Controls.model_fields[name].title}</label>' in page
    assert f'value="{text}" selected' in page or f'name="{address_name}"' in page


def test_what_the_address_says_is_answered(client: FlaskClient) -> None:
    def ids(question: str) -> list[int]:
        answer = client.get(f"/api/v1/mix?length={N_TRACKS}&like=track:5&{question}")
        assert answer.status_code == 200, answer.data
        return [track["id"] for track in answer.get_json()["tracks"]]

    everything = ids("")
    assert ids("randomness=1&seed=3") != everything
    assert sorted(ids("randomness=1&seed=3")) == sorted(everything)
    assert ids("without=genre:Rock") == ids("without=tag:Rock")
    assert ids("album_cap=1") != everything
    assert ids("min_duration=1000") == []


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("discovery=2", '"discovery" takes a number from 0 to 1.'),
        ("randomness=nan", '"randomness" takes a number from 0 to 1.'),
        ("artist_cap=0", '"artist_cap" takes a whole number from 1 to 200.'),
        ("album_cap=1.5", '"album_cap" takes a whole number from 1 to 200.'),
        ("artist_spacing=1_0", '"artist_spacing" takes a number from 0 to 200.'),
        ("seed=99999999999", '"seed" takes a number from 0 to 2147483647.'),
        ("max_duration=x", '"max_duration" takes seconds from 0 to 86400.'),
        ("unplayed=2", '"unplayed" takes 0 or 1.'),
        ("exclude_disliked=yes", '"exclude_disliked" takes 0 or 1.'),
        ("min_duration=9&max_duration=8", "max_duration: wanted at least min_duration, 9.0, got"),
        ("like=genre:Rock", "A genre can only be left out"),
    ],
)
def test_what_an_address_does_not_take(client: FlaskClient, question: str, sentence: str) -> None:
    answer = client.get(f"/api/v1/mix?{question}")
    assert answer.status_code == 400
    assert sentence in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"discovery": "0.5"}, '"discovery" takes a number from 0 to 1.'),
        ({"artist_cap": 201}, '"artist_cap" takes a whole number from 1 to 200.'),
        ({"exclude_tracks": [0]}, '"exclude_tracks" takes up to 1000 ids of tracks.'),
        ({"exclude_tracks": "7"}, '"exclude_tracks" takes up to 1000 ids of tracks.'),
        ({"exclude_artists": [""]}, '"exclude_artists" takes up to 200 names.'),
        ({"exclude_artists": "Ada"}, '"exclude_artists" takes up to 200 names.'),
        ({"min_duration": 86401}, '"min_duration" takes seconds from 0 to 86400.'),
        ({"seed": -1}, '"seed" takes a number from 0 to 2147483647.'),
        (
            {"min_duration": 9, "max_duration": 8},
            "max_duration: wanted at least min_duration, 9.0, got 8.0.",
        ),
        ({"shuffle": 1}, '"shuffle" means nothing here.'),
    ],
)
def test_what_a_body_does_not_take(client: FlaskClient, body: Any, sentence: str) -> None:
    token = client.get("/api/v1/session").get_json()["token"]
    answer = client.post("/api/v1/recommend", json=body, headers={"X-Earshot-Token": token})
    assert (answer.status_code, answer.get_json()["detail"]) == (400, sentence)


def test_a_page_resolves_its_query_once_and_reads_each_track_once(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real methods, counted."""
    calls: dict[str, list[int]] = {"tracks": [], "titles": []}
    resolved: list[object] = []

    def counted(name: str) -> None:
        method = getattr(Catalog, name)

        def count(self: Catalog, ids: Any) -> Any:
            wanted = list(ids)
            calls[name] += wanted
            return method(self, wanted)

        monkeypatch.setattr(Catalog, name, count)

    for name in calls:
        counted(name)
    resolve = SeedResolver.resolve

    def count_resolved(self: SeedResolver, query: Query, history: Any) -> Any:
        resolved.append(query)
        return resolve(self, query, history)

    monkeypatch.setattr(SeedResolver, "resolve", count_resolved)
    address = "like=track:5&like=artist:Bix&without=track:9&keep=20@1,24@3&artist_cap=2&length=8"
    page = client.get(f"/?{address}")
    assert page.status_code == 200
    assert len(resolved) == 1
    assert {5, 9, 20, 24} < set(calls["tracks"])
    assert len(calls["tracks"]) == len(set(calls["tracks"])) == 4 + 6
    assert len(calls["titles"]) == len(set(calls["titles"]))
