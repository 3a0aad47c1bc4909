"""What the rows of a mix say and offer, and how the form of its controls is grouped."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from recsys.recommendation.controls import Controls
from recsys.recommendation.query import KINDS, Reason
from webui.mix_form import COMMON
from webui.reason_shares import SOURCES, reason_shares


def ids(client: FlaskClient, question: str) -> list[int]:
    answer = client.get(f"/api/v1/mix?{question}")
    assert answer.status_code == 200, answer.data
    return [track["id"] for track in answer.get_json()["tracks"]]


def saved(page: str) -> str:
    match = re.search(r'data-save="[^"]*" data-first="([\d,]*)"', page)
    assert match
    return match[1]


def test_a_mix_begins_with_its_seeds_where_one_wants_that(client: FlaskClient) -> None:
    seeds = "like=track:5&like=track:9&unlike=track:20"
    without = ids(client, f"{seeds}&length=6")
    assert not {5, 9} & set(without)
    assert ids(client, f"{seeds}&length=8&include_seeds=1") == [5, 9, *without]
    assert ids(client, f"{seeds}&length=1&include_seeds=1") == [5]
    assert ids(client, f"{seeds}&length=8&include_seeds=1&keep=9@3")[:3:2] == [5, 9]
    page = client.get(f"/?{seeds}&include_seeds=1").get_data(as_text=True)
    assert re.findall(r'class="row[^"]*" data-track="(\d+)"', page)[:2] == ["5", "9"]


def test_a_saved_mix_begins_with_its_seeds_unless_one_does_not_want_that(
    client: FlaskClient,
) -> None:
    page = client.get("/?like=track:5&like=track:9&keep=9@1").get_data(as_text=True)
    assert saved(page) == "5"  # the other is a row
    assert re.search(r"export\.m3u8\?tracks=5(,|%2C)9", page)
    for wanted in "01":
        page = client.get(f"/?like=track:5&include_seeds={wanted}").get_data(as_text=True)
        assert saved(page) == ""
    assert saved(client.get("/?like=tag:rock").get_data(as_text=True)) == ""


def test_every_reason_has_a_source() -> None:
    kinds = [kind for _, kinds in SOURCES.values() for kind in kinds]
    assert sorted(kinds) == sorted(KINDS)


@pytest.mark.parametrize(
    ("amounts", "shares"),
    [
        ({"seed": 1.24, "listeners": 0.55}, [("sound", 0, 69), ("listeners", 69, 31)]),
        ({"listens": 0.8}, [("plays", 0, 100)]),
        ({"seed": 1.0, "dislike": -1.0, "popular": 1.0}, [("sound", 0, 33), ("plays", 33, 34),
         ("listeners", 67, 33)]),
        ({"seed": 1.0, "popular": 0.001}, [("sound", 0, 100)]),
        ({}, []),
    ],
)  # fmt: skip
def test_a_bar_shows_the_shares_of_the_reasons(
    amounts: dict[str, float], shares: list[tuple[str, int, int]]
) -> None:
    reasons = [Reason(kind, None, amount) for kind, amount in amounts.items()]  # type: ignore[arg-type]
    found = [(share.source, share.start, share.percent) for share in reason_shares(reasons)]
    assert found == shares


def test_a_source_has_one_colour_in_rows_legend_and_why(client: FlaskClient) -> None:
    page = client.get("/?like=track:5&unlike=track:20").text
    legend = page[page.index('class="legend"') : page.index('<ol id="rows">')]
    whys = "".join(re.findall(r"<tbody>.*?</tbody>", page, re.S))
    colours = re.findall(r"<rect( class=\"(\w+)\")?", whys)
    assert all(colour for colour, _ in colours)
    assert set(re.findall(r'rect class="(\w+)"', legend)) == {name for _, name in colours}
    assert {"sound", "plays"} <= {name for _, name in colours} <= set(SOURCES)


def test_similar_stands_only_where_there_is_something_to_be_similar_to(
    client: FlaskClient,
) -> None:
    assert "% similar" in re.sub("<[^>]+>", "", client.get("/?like=track:5").text)
    for question in ("?like=tag:rock", "?length=20", "?unlike=track:5"):
        assert "% similar" not in re.sub("<[^>]+>", "", client.get(f"/{question}").text)


def test_the_form_shows_the_usual_controls_and_the_rest_under_more(client: FlaskClient) -> None:
    def parts(question: str) -> tuple[set[str], set[str], bool]:
        page = client.get(f"/?like=track:5&{question}").get_data(as_text=True)
        form = page[page.index('id="controls"') :]
        usual, more = form[: form.index("</form>")].split('<details class="more"', 1)
        names = r'<(?:input|select) id="(\w+)"'
        return (
            set(re.findall(names, usual)),
            set(re.findall(names, more)),
            "open" in more.partition(">")[0],
        )

    usual, more, is_open = parts("")
    assert usual == {"discovery", "diversity", "artist_cap", "unplayed", "length"}
    assert len(usual | more) == len(usual) + len(more)
    assert len(more) == sum(
        not name.startswith("exclude_") or name == "exclude_disliked"
        for name in set(Controls.model_fields) - set(COMMON)
    )
    assert not is_open
    assert parts("randomness=1")[2]
    assert not parts("discovery=1")[2]
