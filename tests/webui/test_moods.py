"""Moods and activities on the pages and in the API."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_the_first_page_leads_to_a_mix_for_an_activity(client: FlaskClient) -> None:
    first = client.get("/").text
    assert "For what you do" in first and "A party</a>" in first
    assert "Falling asleep</a>" not in first, "the taggers of this home know no tag for it"
    mix = client.get("/?like=tag:for+a+party").text
    assert "<bdi>For a party</bdi>" in mix and "Like" not in mix.split("mix-title")[1][:200]
    assert mix.count('data-track="') >= 20
    assert "for a party" in client.get("/?like=tag:for+a+party&like=tag:rock").text


def test_the_api_says_what_moods_are_made_of(client: FlaskClient) -> None:
    moods = {one["name"]: one for one in client.get("/api/v1/moods").get_json()["moods"]}
    assert moods["for a party"] == {
        "name": "for a party",
        "wanted": ["party"],
        "unwanted": ["classical"],
        "tempos": [[100.0, 135.0]],
        "loudness": 1.0,
        "own_tags": [],
    }
    found = client.get("/api/v1/mix?like=tag:for+a+party&length=3").get_json()["tracks"]
    assert all(one["reasons"][0]["ref"] == "for a party" for one in found)
    listed = client.get("/api/v1/tracks?tag=for+a+party").get_json()["tracks"]
    assert 0 < len(listed) < 24
    names = [one["name"] for one in client.get("/api/v1/complete?q=for").get_json()["completions"]]
    assert "for a party" in names
