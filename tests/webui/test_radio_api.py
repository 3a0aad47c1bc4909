"""Radio by the API: where the pages' endless lists come from."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

ROCK = set(range(1, 13))


@pytest.fixture
def ask(client: FlaskClient) -> Any:
    token = client.get("/api/v1/session").get_json()["token"]

    def ask(**body: Any) -> Any:
        headers = {"X-Earshot-Token": token}
        return client.post("/api/v1/radio", json=body, headers=headers)

    return ask


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [track["id"] for track in answer.get_json()["tracks"]]


def test_a_radio_goes_on_with_other_tracks_each_time(client: FlaskClient, ask: Any) -> None:
    first = ids(ask(like=["track:1"], count=6))
    second = ids(ask(like=["track:1"], count=6))
    assert len({*first, *second}) == 12 and 1 not in {*first, *second}
    assert len(ROCK & {*first}) >= 5
    everything = ids(ask(at_random=True, count=50))
    assert sorted(everything) == list(range(1, 25))
    again = {*first, *second}
    assert not again & set(everything[:12])  # those of the last hours come last


def test_seeds_are_what_is_in_the_library(ask: Any) -> None:
    given = [ids(ask(like=[ref], count=2)) for ref in ("artist:dinah", "album:13", "tag:Classical")]
    assert sum(len(set(some) - ROCK) for some in given) >= 4  # none comes twice
    assert len(ids(ask(count=5))) == 5  # for whoever listens
    assert ids(ask(like=["artist:Various Artists"], count=5))
    for body in ({"like": ["nothing"]}, {"like": ["genre:Rock"]}, {"like": ["sound:x"]}):
        assert ask(**body).status_code == 400, body
    assert ask(like=["track:1"], at_random=True).status_code == 400
