"""One tree as JSON and XML."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from asking import Rest

from webui.subsonic.answers import Element, as_xml

ASKED = (
    "getArtists",
    "getIndexes",
    "getAlbumList2?type=newest&size=3",
    "getMusicDirectory?id=al-c93529f6a88caf2e",
    "getSong?id=1",
    "getGenres",
    "getOpenSubsonicExtensions",
    "getMusicFolders",
    "getUser?username=me",
    "getSonicSimilarTracks?id=1&count=3",
    "getPlayQueue",
    "getSong?id=999",
    "nothing",
)


def test_what_becomes_attributes_elements_and_text() -> None:
    tree = {
        "status": "ok",
        "genres": {"genre": [{"value": "Rock & Roll", "songCount": 2}]},
        "info": {"biography": Element("A <life>"), "known": True},
        "names": ["a", "b"],
    }
    namespace = '<subsonic-response xmlns="http://subsonic.org/restapi" status="ok">'
    assert as_xml(tree).decode().partition("\n")[2] == (
        f'{namespace}<genres><genre songCount="2">Rock &amp; Roll</genre></genres>'
        '<info known="true"><biography>A &lt;life&gt;</biography></info>'
        "<names>a</names><names>b</names></subsonic-response>"
    )


def test_what_no_xml_can_hold_is_replaced() -> None:
    written = as_xml({"title": "a\x00b\x0b\ud800\uffff", "line": [{"value": "\x1b"}]})
    root = ElementTree.fromstring(written)
    assert root.get("title") == "a\ufffdb\ufffd\ufffd\ufffd"
    assert root[0].text == "\ufffd"


def test_both_formats_say_the_same(rest: Rest) -> None:
    for asked in ASKED:
        _compare(rest, asked)


def _compare(rest: Rest, asked: str) -> None:
    name, _, query = asked.partition("?")
    given = dict(part.split("=") for part in query.split("&")) if query else {}
    as_json = rest.raw(name, **given).get_json()["subsonic-response"]
    answer = rest.client.get(f"/rest/{name}", query_string=given)
    assert answer.mimetype == "text/xml"
    root = ElementTree.fromstring(answer.data)
    assert root.tag == "{http://subsonic.org/restapi}subsonic-response"
    as_json.pop("indexes", None) or _check(root, as_json)


def _check(element: ElementTree.Element, tree: dict[str, Any]) -> None:
    """Everything in the tree is in the element, and nothing else."""
    children = [(child.tag.partition("}")[2], child) for child in element]
    for name, value in tree.items():
        mine = [child for tag, child in children if tag == name]
        if isinstance(value, list):
            assert len(mine) == len(value)
            for child, one in zip(mine, value, strict=True):
                _check(child, one if isinstance(one, dict) else {"value": one})
        elif isinstance(value, dict):
            _check(mine[0], value)
        else:
            found = element.text if name == "value" else element.get(name)
            assert found == (str(value).lower() if isinstance(value, bool) else str(value))
    assert set(element.attrib) <= tree.keys() and {tag for tag, _ in children} <= tree.keys()


def test_get_and_form_with_view_and_without(rest: Rest) -> None:
    for path in ("/rest/getSong", "/rest/getSong.view"):
        for answer in (
            rest.client.get(path, query_string={"id": "2", "f": "json"}),
            rest.client.post(path, data={"id": "2", "f": "json"}),
            rest.client.post(f"{path}?f=JSON", data={"id": "2"}),
        ):
            assert answer.get_json()["subsonic-response"]["song"]["title"] == "Song 1"
            assert answer.headers["Cache-Control"] == "no-store"


def test_a_form_that_is_too_large_is_refused(rest: Rest) -> None:
    answer = rest.client.post("/rest/ping", data={"f": "json", "x": "y" * (5 << 20)})
    assert answer.status_code == 413
