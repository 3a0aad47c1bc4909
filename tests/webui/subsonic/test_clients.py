"""Clients that others wrote, against the server that people run."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
import pytest
from flask import Flask
from made_home import N_TRACKS

from recsys.accounts import Accounts

PASSWORD = "correct horse"
libopensonic = pytest.importorskip("libopensonic", reason="py-opensonic is not installed")
libsonic = pytest.importorskip("libsonic", reason="py-sonic is not installed")


def pitch_of(data: bytes) -> float:
    """The pitch of a sound, of whatever format, in Hz."""
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler("s16", "mono", 16_000)
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 17))
    return float(spectrum.argmax() * 16_000 / (1 << 17))


@contextmanager
def connected(address: str, **login: Any) -> Iterator[Any]:
    """A client of py-opensonic."""
    host, _, port = address.rpartition(":")
    client = libopensonic.Connection(host, port=int(port), **login)
    try:
        yield client
    finally:
        client.cleanup()
        client._loop.close()


def body(client: Any, response: Any) -> bytes:
    """Everything that an answer of py-opensonic's holds."""
    read = asyncio.run_coroutine_threadsafe(response.read(), client._loop).result()
    assert isinstance(read, bytes)
    return read


def pitch(track_id: int) -> float:
    """The pitch that a track was rendered at: see made_home."""
    number = track_id - 1
    return 200.0 * (1 + number // 4) + number


def walk(client: Any, songs: list[int]) -> None:
    """Browse, search, listen, ask for what is alike, say something, keep lists and a queue."""
    assert client.ping()
    artists = [a for index in client.get_artists().index for a in index.artist]
    assert [a.name for a in artists] == ["Ada", "Bix", "Cleo", "Dinah", "Ella", "Fats"]
    artist = client.get_artist(artists[0].id)
    album = client.get_album(artist.album[0].id)
    assert (album.name, [song.title for song in album.song]) == (
        "Ada live", ["Song 0", "Song 1", "Song 2", "Song 3"]
    )  # fmt: skip
    assert len(client.get_album_list2("alphabeticalByName", size=3)) == 3
    assert client.search3("song 7").song[0].title == "Song 7"
    assert {genre.value for genre in client.get_genres()} == {"Classical", "Rock"}
    for track_id in songs:
        assert pitch_of(body(client, client.download(str(track_id)))) == pytest.approx(
            pitch(track_id), abs=3
        )
    for options in ({"tformat": "mp3"}, {"max_bit_rate": 64}, {"tformat": "opus"}):
        sound = body(client, client.stream("9", **options))
        assert pitch_of(sound) == pytest.approx(pitch(9), abs=5), options
    alike = client.get_sonic_similar_tracks("1", count=5)
    assert len(alike) == 5 and alike[0].similarity >= alike[-1].similarity
    path = client.find_sonic_path("1", "24", count=6)
    assert [path[0].entry.id, path[-1].entry.id, len(path)] == ["1", "24", 6]
    assert len(client.get_similar_songs2(artists[0].id, count=5)) == 5
    assert len(client.get_random_songs(size=4)) == 4
    assert client.create_playlist(name="Evening", song_ids=["1", "5"])
    made = client.get_playlists()[0]
    client.update_playlist(made.id, name="Night", song_ids_to_add=["9"], song_indices_to_remove=[0])
    kept = client.get_playlist(made.id)
    assert (kept.name, [song.id for song in kept.entry]) == ("Night", ["5", "9"])
    client.delete_playlist(made.id)
    assert client.get_playlists() == []
    client.star(["3"], [album.id], [artists[1].id])
    client.set_rating("4", 5)
    starred = client.get_starred2()
    assert [s.id for s in starred.song] == ["3"] and starred.song[0].starred
    assert [a.id for a in starred.album] == [album.id]
    assert [a.id for a in starred.artist] == [artists[1].id]
    assert client.get_song("4").user_rating == 5
    client.unstar(["3"], [album.id], [artists[1].id])
    assert not client.get_starred2().song
    client.scrobble("6", submission=True, listen_time=int(time.time()))
    assert client.get_song("6").play_count == 1
    client.save_play_queue(["1", "2", "1"], "2", 1500)
    queue = client.get_play_queue()
    assert ([song.id for song in queue.entry], queue.current, queue.position) == (
        ["1", "2", "1"], "2", 1500
    )  # fmt: skip
    client.save_play_queue([])
    assert client.get_scan_status().count == N_TRACKS


@pytest.mark.parametrize("login", ["nobody", "password", "token", "key"])
def test_py_opensonic_walks_through(
    login: str, mine: Flask, two_people: Flask, serve: Callable[[Flask], str]
) -> None:
    if login == "nobody":
        with connected(serve(mine), username="me", password="anything") as client:
            walk(client, [1, 24])
        return
    accounts: Accounts = two_people.extensions["accounts"]
    found = accounts.people.by_name("bob")
    assert found
    options: dict[str, Any] = {"username": "bob"}
    if login == "key":
        options = {"api_key": accounts.make_key(found[0], "test")[1]}
    elif login == "password":
        options |= {"password": PASSWORD, "legacy_auth": True}
    else:
        options["password"] = accounts.make_application_password(found[0], "test")[1]
        options["use_get"] = True
    with connected(serve(two_people), **options) as client:
        assert client.ping()
        client.star(["3"])
        assert [s.id for s in client.get_starred2().song] == ["3"]
        assert client.get_user("bob").username == "bob"


def test_py_sonic_reads_the_same(mine: Flask, serve: Callable[[Flask], str]) -> None:
    host, _, port = serve(mine).rpartition(":")
    client = libsonic.Connection(host, "me", "anything", port=int(port))
    assert client.ping()
    assert len(client.getArtists()["artists"]["index"]) == 6
    album = client.getAlbumList2("newest", size=1)["albumList2"]["album"][0]
    assert len(client.getAlbum(album["id"])["album"]["song"]) == 4
    assert pitch_of(client.stream("13").read()) == pytest.approx(pitch(13), abs=3)
    client.star(["7"])
    assert [s["id"] for s in client.getStarred2()["starred2"]["song"]] == ["7"]
    assert len(client.getSimilarSongs2("1", count=3)["similarSongs2"]["song"]) == 3
