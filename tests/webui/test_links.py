"""Lists that players open by an address, with a token and without."""

from __future__ import annotations

import hashlib
import html
import logging
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from made_home import N_TRACKS
from test_accounts import accounts_of, form_token, logged_in

from earshot.transcoding import transcoded
from recsys.catalog import Catalog
from recsys.playlists import read_playlist
from webui.rate_limits import FAILURES_OF_ADDRESS

MIX = "/?like=track%3A5&length=4"


def save(app: Flask, name: str, title: str, track_ids: list[int]) -> int:
    """Save a playlist of a person, and return its id."""
    catalog = app.extensions["served_home"].catalog()
    account, _ = catalog.people.by_name(name)
    return int(catalog.save_playlist(account.listener_id, title, track_ids).id)


def make(client: FlaskClient, address: str) -> str:
    """Make a link, and return its URL as the page shows it."""
    sent = {"token": form_token(client, "/account"), "of": address}
    page = client.post("/account/links", data=sent)
    assert page.status_code == 200, page.text
    shown = re.search(r"<code>(http\S+)</code>", page.text)
    assert shown
    return html.unescape(shown[1])


def path_of(url: str) -> str:
    return urlsplit(url).path


def entries(text: str) -> list[str]:
    assert text.startswith("#EXTM3U\n")
    return [line for line in text.splitlines() if not line.startswith("#")]


def heard(url: str) -> float:
    """Decode what an address sends as a player does, and return its loudest frequency in Hz."""
    with av.open(url) as container:
        stream = container.streams.audio[0]
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
        spectrum = np.abs(np.fft.rfft(sound))
        return float(spectrum.argmax() * stream.rate / len(sound))


@pytest.mark.parametrize("asked", ["", "?format=mp3"])
def test_a_player_without_cookies_plays_a_list(
    two_people: Flask, serve: Callable[[Flask], str], asked: str
) -> None:
    two_people.config["TRANSCODE"] = transcoded
    client, _ = logged_in(two_people, "ann")
    url = make(client, f"/playlists/{save(two_people, 'ann', 'Evening', [6, 2])}")
    with urllib.request.urlopen(serve(two_people) + path_of(url) + asked, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("audio/x-mpegurl")
        text = answer.read().decode()
    assert "#PLAYLIST:Evening\n" in text and "#EXTINF:" in text and "Song 5\n" in text
    tracks = entries(text)
    assert [urlsplit(one).path.rpartition("/")[2].removesuffix(".mp3") for one in tracks] == [
        "6",
        "2",
    ]
    for one, number in zip(tracks, (5, 1), strict=True):  # the pitches of write_music
        assert heard(one) == pytest.approx(200 * (1 + number // 4) + number, abs=2)


def test_a_link_opens_one_list_and_its_tracks_alone(two_people: Flask) -> None:
    evening = save(two_people, "ann", "Evening", [6, 2])
    other = save(two_people, "ann", "Other", [9])
    client, _ = logged_in(two_people, "ann")
    path = path_of(make(client, f"/playlists/{evening}"))
    start = path.removesuffix(".m3u8")
    player = two_people.test_client()
    with player.get(f"{start}/6", headers={"Range": "bytes=0-3"}) as part:
        assert (part.status_code, part.data) == (206, b"RIFF")
    for address in (f"{start}/9", f"{start}/7.mp3", f"{start}/{2**70}"):
        assert player.get(address).status_code == 404
    assert player.get(f"{path}?format=ogg").status_code == 400
    assert player.post(path).status_code == 405
    for address in (
        f"/playlists/{other}",
        f"/lists/list.m3u8?of=/playlists/{evening}",
        "/account",
        "/",
    ):
        assert player.get(address).status_code == 302  # to log in: an opened link is no session
    token = start.rpartition("/")[2]
    for header in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"earshot={token}"}):
        assert player.get("/api/v1/playlists", headers=header).status_code == 401


def test_nobody_links_to_what_is_not_theirs(two_people: Flask) -> None:
    hers = save(two_people, "ann", "Evening", [6, 2])
    bob, _ = logged_in(two_people, "bob")
    token = form_token(bob, "/account")
    for address, status in (
        (f"/playlists/{hers}", 404),
        (f"/playlists/{'9' * 30}", 404),
        ("//evil.example/", 400),
        ("/account", 400),
        ("/?like=nothing", 400),
        ("", 400),
    ):
        answer = bob.post("/account/links", data={"token": token, "of": address})
        assert answer.status_code == status, address
        assert bob.get("/lists/list.m3u8", query_string={"of": address}).status_code == status
    assert "Revoke" not in bob.get("/account").text
    ann, _ = logged_in(two_people, "ann")
    path = path_of(make(ann, f"/playlists/{hers}"))
    revoke = re.search(r"/account/keys/\d+/revoke", ann.get("/account").text)
    assert revoke
    assert bob.post(revoke[0], data={"token": token}).status_code == 400
    assert bob.get(path).status_code == 200  # who has a link may listen


def test_a_revoked_link_and_a_removed_list_are_gone(two_people: Flask) -> None:
    playlist = save(two_people, "ann", "Evening walk " * 9, [6, 2])
    client, headers = logged_in(two_people, "ann")
    first, second = (path_of(make(client, f"/playlists/{playlist}")) for _ in range(2))
    assert first != second and len(first) == len("/lists/.m3u8") + 22  # 128 bits
    assert first[7:-5] not in client.get("/account").text  # it was shown once
    revoke = re.findall(r"/account/keys/\d+/revoke", client.get("/account").text)
    assert len(revoke) == 2
    client.post(revoke[0], data={"token": form_token(client, "/account")})
    player = two_people.test_client()
    audio = [f"{path.removesuffix('.m3u8')}/6" for path in (first, second)]
    assert [player.get(path).status_code for path in (first, audio[0])] == [404, 404]
    assert "was revoked" in player.get(first).text
    assert player.get(second).status_code == 200
    deleted = client.delete(f"/api/v1/playlists/{playlist}", headers=headers)
    assert deleted.status_code == 204
    assert [player.get(path).status_code for path in (second, audio[1])] == [404, 404]


def test_a_link_of_a_mix_sends_what_the_mix_is_now(two_people: Flask) -> None:
    client, headers = logged_in(two_people, "ann")
    path = path_of(make(client, MIX))
    player = two_people.test_client()

    def now() -> list[int]:
        return [int(one.rpartition("/")[2]) for one in entries(player.get(path).text)]

    before = now()
    assert before[0] == 5 and len(before) == 5  # its seed, and four
    assert "#PLAYLIST:Song 4" in player.get(path).text
    body = {"kind": "dislike"}
    disliked = client.put(f"/api/v1/tracks/{before[1]}/feedback", json=body, headers=headers)
    assert disliked.status_code < 300, disliked.text
    assert before[1] not in now()
    with player.get(f"{path.removesuffix('.m3u8')}/{before[1]}") as playing:
        assert playing.status_code == 200  # what a player has from before plays on


def test_wrong_tokens_are_limited_and_right_ones_go_on(two_people: Flask) -> None:
    client, _ = logged_in(two_people, "ann")
    path = path_of(make(client, MIX))
    player = two_people.test_client()
    wrong = [f"/lists/{n}.m3u8" if n % 2 else f"/lists/{n}/1" for n in range(61)]
    statuses = [player.get(one).status_code for one in wrong]
    assert statuses == [404] * FAILURES_OF_ADDRESS.amount + [429]
    assert "Retry-After" in player.get(wrong[0]).headers
    assert player.get(path).status_code == 200
    key = accounts_of(two_people).make_key(accounts_of(two_people).people.accounts()[0], "x")[1]
    assert player.get(f"/lists/{key}.m3u8").status_code == 429  # another kind of secret


def test_tokens_are_neither_stored_nor_logged(
    two_people: Flask, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = logged_in(two_people, "ann")
    path = path_of(make(client, MIX))
    token = path[7:-5]
    with caplog.at_level(logging.INFO):
        for address in (path, f"/lists/{token}/5", f"/lists/{token}/x/y", f"/lists//{token}/5"):
            client.get(address).close()
    logged = [r.getMessage() for r in caplog.records if r.name == "webui.access"]
    assert len(logged) == 4 and all("/lists/" in line for line in logged)
    assert token not in caplog.text
    stored = b"".join(file.read_bytes() for file in home.glob("catalogue.db*"))
    assert hashlib.sha256(token.encode()).digest() in stored
    assert token.encode() not in stored and b"track%3A5" not in stored


def test_a_link_without_its_key_is_unknown(two_people: Flask, home: Path) -> None:
    client, _ = logged_in(two_people, "ann")
    path = path_of(make(client, MIX))
    (home / "application-passwords.key").unlink()
    assert two_people.test_client().get(path).status_code == 404


def test_without_accounts_a_list_needs_no_token(
    app: Flask, music: Path, serve: Callable[[Flask], str], tmp_path: Path
) -> None:
    client = app.test_client()
    (music / "8.wav").unlink()
    with Catalog(app.config["HOME"]) as catalog:
        catalog.set_presence(gone=[9])
        listener = catalog.listener("me", create=True)
        assert listener is not None
        playlist = catalog.save_playlist(listener.id, "Evening", [9, 3]).id
    page = client.get(f"/playlists/{playlist}").text
    link = re.search(r'href="(/lists/[^"]+)">Link for players', page)
    assert link
    with urllib.request.urlopen(serve(app) + html.unescape(link[1]), timeout=30) as answer:
        text = answer.read().decode()
    assert "# 1 track is left out: the files are gone." in text
    (one,) = entries(text)
    assert heard(one) == pytest.approx(202, abs=2)
    (tmp_path / "list.m3u8").write_text(text)
    assert [e.location for e in read_playlist(tmp_path / "list.m3u8").entries] == [one]
    mix = re.search(r'href="(/lists/[^"]+)">Link for players', client.get(MIX).text)
    assert mix and len(entries(client.get(html.unescape(mix[1])).text)) == 5
    assert client.get("/lists/unknown.m3u8").status_code == 404
    assert len(entries(client.get("/lists/list.m3u8?of=/").text)) <= N_TRACKS  # for you
