"""Playlists that renew themselves: made, renewed, changed, exported, seen by players."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from made_home import N_TRACKS
from test_accounts import logged_in

from earshot.commands.playlists import COMMAND
from recsys.catalog import Catalog, LeaseLost, Renewal, RenewalPlan, RenewedList
from recsys.home.settings import Settings
from recsys.playlists import read_playlist
from webui.app import create_app
from webui.renewing import NOTHING_FOUND, RenewalsBusy, renew, renew_due, renew_when_due, turn

RENEWALS = "/api/v1/renewals"
DAY = 86_400


@pytest.fixture
def app(home: Path, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(home), music_roots=[tmp_path])
    yield app
    app.extensions["served_home"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def ask(client: FlaskClient, method: str, path: str, status: int = 200, **body: Any) -> Any:
    token = client.get("/api/v1/session").get_json()["token"]
    sent = {} if method == "GET" else {"json": body}
    answer = client.open(path, method=method, headers={"X-Earshot-Token": token}, **sent)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def make(client: FlaskClient, **body: Any) -> Any:
    plan = {"name": "Daily", "question": "/?like=tag%3Arock&length=5"} | body
    return ask(client, "POST", RENEWALS, 201, **plan)


def tracks(client: FlaskClient, playlist_id: int) -> list[int]:
    found = ask(client, "GET", f"/api/v1/playlists/{playlist_id}")
    return [track["id"] for track in found["tracks"]]


def again(client: FlaskClient, playlist_id: int) -> list[int]:
    ask(client, "POST", f"{RENEWALS}/{playlist_id}")
    return tracks(client, playlist_id)


def put_back(home: Path, playlist_id: int, days: float) -> None:
    """Let a playlist have been renewed days ago."""
    with Catalog(home) as catalog, turn(catalog) as holder:
        renewal = catalog.renewals.of(playlist_id)
        assert renewal
        at = int(time.time() - days * DAY)
        catalog.renewals.record(renewal, holder, RenewedList(None), at)


def renewal_of(home: Path, playlist_id: int) -> Renewal:
    with Catalog(home) as catalog:
        found = catalog.renewals.of(playlist_id)
        assert found
        return found


def test_a_new_list_leaves_out_what_the_last_ones_held(client: FlaskClient) -> None:
    made = make(client)
    assert made["question"] == "/?like=tag%3Arock&length=5"
    assert (made["n_tracks"], made["every"], made["stay"], made["paused"]) == (5, "day", 0, False)
    assert made["next_at"] > made["renewed_at"]
    lists = [tracks(client, made["id"])]
    lists += [again(client, made["id"]) for _ in range(7)]
    assert [len(found) for found in lists] == [5] * 8
    # Four lists of five, and not five, are in 24 tracks: the fifth takes the oldest ones' again.
    assert len(set().union(*lists[:4])) == 20
    for before, after in itertools.pairwise(lists):
        assert not set(before) & set(after)
    assert set(lists[4]) - set().union(*lists[1:4]) == set(lists[4])


def test_so_many_may_stay_that_the_mix_puts_first(client: FlaskClient) -> None:
    for stay in (2, 5):
        made = make(client, stay=stay)
        before = tracks(client, made["id"])
        after = again(client, made["id"])
        assert [track for track in after if track in before] == before[:stay]
        assert len(after) == 5


def test_what_the_mix_asks_for_by_name_is_in_every_list(client: FlaskClient) -> None:
    made = make(client, question="/?like=track%3A3&include_seeds=1&keep=20@2&length=5")
    first = tracks(client, made["id"])
    second = again(client, made["id"])
    assert (first[:2], second[:2]) == ([3, 20], [3, 20])
    assert not set(first[2:]) & set(second[2:])


def test_chance_is_another_one_each_time(client: FlaskClient) -> None:
    question = f"/?like=tag%3Arock&length={N_TRACKS}&randomness=1"
    made = make(client, question=question, stay=N_TRACKS)
    lists = [tracks(client, made["id"]), again(client, made["id"])]
    assert sorted(lists[0]) == sorted(lists[1])
    assert lists[0] != lists[1]


def test_an_empty_answer_leaves_the_last_list(client: FlaskClient, home: Path) -> None:
    made = make(client, question=f"/?like=track%3A5&length={N_TRACKS}")
    before = tracks(client, made["id"])
    assert again(client, made["id"]) == before  # there is nothing else
    found = ask(client, "GET", f"{RENEWALS}/{made['id']}")
    assert found["sentences"][-1] == NOTHING_FOUND
    assert (
        f"None of the library's {N_TRACKS} tracks is left to be recommended." in found["sentences"]
    )
    assert renewal_of(home, made["id"]).number == 1
    page = client.get(f"/playlists/{made['id']}").get_data(as_text=True)
    assert NOTHING_FOUND in page


def test_tracks_that_are_gone_are_left_out(client: FlaskClient, home: Path) -> None:
    made = make(client, question="/?like=track%3A5&length=5")
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[5, 9, *tracks(client, made["id"])])
    after = again(client, made["id"])
    assert len(after) == 5
    assert not set(after) & {5, 9}


def test_a_mix_that_is_not_understood_any_more_is_said(client: FlaskClient, home: Path) -> None:
    made = make(client)
    before = tracks(client, made["id"])
    with Catalog(home) as catalog:
        mine = catalog.renewals.all()[0]
        catalog.renewals.plan(mine.listener_id, made["id"], RenewalPlan("?like=nothing"))
    assert again(client, made["id"]) == before
    said = ask(client, "GET", f"{RENEWALS}/{made['id']}")["sentences"]
    assert said[0].startswith('"nothing" names nothing') and said[0].endswith("stays.")


def test_the_clock_renews_what_is_due_and_makes_up_for_a_pause_once(
    client: FlaskClient, app: Flask, home: Path
) -> None:
    served = app.extensions["served_home"].current()
    daily, weekly, paused = (make(client, name=name)["id"] for name in ("day", "week", "paused"))
    ask(client, "PATCH", f"{RENEWALS}/{weekly}", every="week")
    ask(client, "PATCH", f"{RENEWALS}/{paused}", paused=True)
    assert renew_due(served, []) == 0
    for playlist_id in (daily, paused):
        put_back(home, playlist_id, days=9)
    assert renew_due(served, []) == 1
    assert renew_due(served, []) == 0
    assert renewal_of(home, daily).number == 2
    put_back(home, weekly, days=9)
    put_back(home, daily, days=-3000)  # while the clock was years ahead
    assert renew_due(served, []) == 2
    put_back(home, daily, days=-0.01)  # put back a little
    assert renew_due(served, []) == 0
    assert [renewal_of(home, one).number for one in (daily, weekly, paused)] == [3, 2, 1]


def test_the_servers_thread_renews_and_ends(
    client: FlaskClient, app: Flask, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(client)
    put_back(home, made["id"], days=2)
    monkeypatch.setattr("webui.renewing.LOOK", 0.01)
    closing = threading.Event()
    arguments = (app.extensions["served_home"], [], closing)
    thread = threading.Thread(target=renew_when_due, args=arguments)
    thread.start()
    deadline = time.monotonic() + 30
    while renewal_of(home, made["id"]).number < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    closing.set()
    thread.join(30)
    assert not thread.is_alive()
    assert renewal_of(home, made["id"]).number == 2


def test_one_renews_at_a_time(client: FlaskClient, app: Flask, home: Path) -> None:
    made = make(client)
    put_back(home, made["id"], days=2)
    served = app.extensions["served_home"].current()
    with Catalog(home) as elsewhere, turn(elsewhere):
        with pytest.raises(RenewalsBusy), turn(served.catalog):
            pass
        assert renew_due(served, []) == 0
    with turn(served.catalog) as holder:
        renewal = renewal_of(home, made["id"])
        served.catalog.renewals.end_turn(holder)
        with turn(served.catalog), pytest.raises(LeaseLost):
            renew(served, renewal, holder, [])
    assert renewal_of(home, made["id"]).number == 1
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(renew_due(served, []))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answers) == 1
    assert renewal_of(home, made["id"]).number == 2


def test_a_list_is_exported_to_a_folder_that_may_be_chosen(
    client: FlaskClient, home: Path, music: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    made = make(client, name="AC/DC: live", folder=str(folder))
    path = folder / "AC_DC_ live.m3u8"
    assert made["folder"] == str(folder)
    paths = [entry.paths[0] for entry in read_playlist(path).entries]
    assert paths == [music / f"{track - 1}.wav" for track in tracks(client, made["id"])]
    again(client, made["id"])
    assert [entry.paths[0] for entry in read_playlist(path).entries] != paths
    # Under another name, and with paths from the folder
    rename = {"name": "Evening", "track_ids": tracks(client, made["id"])}
    ask(client, "PUT", f"/api/v1/playlists/{made['id']}", **rename)
    ask(client, "PATCH", f"{RENEWALS}/{made['id']}", relative=True)
    again(client, made["id"])
    assert [file.name for file in folder.iterdir()] == ["Evening.m3u8"]
    assert "\n../music/" in (folder / "Evening.m3u8").read_text()
    # A file of somebody else's is left alone
    other = make(client, name="Theirs", folder="")
    (folder / "Theirs.m3u8").write_text("#EXTM3U\n")
    ask(client, "PATCH", f"{RENEWALS}/{other['id']}", folder=str(folder))
    again(client, other["id"])
    assert (folder / "Theirs.m3u8").read_text() == "#EXTM3U\n"
    said = ask(client, "GET", f"{RENEWALS}/{other['id']}")["sentences"]
    assert "Theirs.m3u8 is there already" in said[-1]
    # Nor is anything written elsewhere, when the folder has become a link that leads out
    shutil.rmtree(folder)
    folder.symlink_to("/usr/share")
    again(client, made["id"])
    said = ask(client, "GET", f"{RENEWALS}/{made['id']}")["sentences"]
    assert "is not below a folder" in said[-1]


def test_only_owners_who_are_there_choose_folders(two_people: Flask, tmp_path: Path) -> None:
    two_people.config["MUSIC_ROOTS"] = (tmp_path,)
    owner, token = logged_in(two_people, "ann")
    member, other = logged_in(two_people, "bob")
    body = {"name": "Mine", "question": "?like=tag:rock", "folder": str(tmp_path)}
    elsewhere = {**body, "folder": "/usr"}
    for client, header, sent, status in (
        (member, other, body, 403),
        (owner, token, elsewhere, 403),
        (owner, token, body, 201),
    ):
        answer = client.post(RENEWALS, json=sent, headers=header)
        assert answer.status_code == status, answer.text
    mine = answer.get_json()["id"]
    for method in ("GET", "PATCH", "POST", "DELETE"):
        sent = {"json": {"stay": 1}} if method == "PATCH" else {}
        answer = member.open(f"{RENEWALS}/{mine}", method=method, headers=other, **sent)
        assert answer.status_code == 404, method
    assert member.get(RENEWALS).get_json() == {"renewals": []}
    assert [one["id"] for one in owner.get(RENEWALS).get_json()["renewals"]] == [mine]


def test_what_cannot_be_asked_for_is_refused(client: FlaskClient) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"question": "/?like=nothing"}, "names nothing"),
        ({"question": "/?discovery=7"}, '"discovery" takes'),
        ({"every": "hour"}, '"every"'),
        ({"stay": 201}, '"stay" takes a whole number from 0 to 200'),
        ({"name": ""}, '"name" takes 1 to 200'),
    ]
    for body, sentence in refused:
        plan = {"name": "Daily", "question": "?like=tag:rock"} | body
        assert sentence in ask(client, "POST", RENEWALS, 400, **plan)["detail"]
    assert ask(client, "GET", RENEWALS) == {"renewals": []}


def test_players_see_it_and_do_not_write_it(client: FlaskClient) -> None:
    made = make(client)

    def rest(endpoint: str, **query: Any) -> Any:
        answer = client.get(f"/rest/{endpoint}", query_string={"f": "json", **query})
        return answer.get_json()["subsonic-response"]

    (seen,) = rest("getPlaylists")["playlists"]["playlist"]
    assert (seen["readonly"], seen["comment"]) == (True, "Renews itself every day.")
    refused = rest("updatePlaylist", playlistId=seen["id"], songIdToAdd="7")
    assert refused["error"]["code"] == 50 and "renews itself" in refused["error"]["message"]
    assert rest("updatePlaylist", playlistId=seen["id"], name="Mine")["status"] == "ok"
    songs = rest("getPlaylist", id=seen["id"])["playlist"]["entry"]
    assert [int(song["id"]) for song in songs] == tracks(client, made["id"])
    listed = client.get("/lists/list.m3u8", query_string={"of": f"/playlists/{made['id']}"})
    assert listed.text.count("#EXTINF") == 5
    put = {"name": "Mine", "track_ids": [1]}
    ask(client, "PUT", f"/api/v1/playlists/{made['id']}", 409, **put)
    ask(client, "DELETE", f"{RENEWALS}/{made['id']}", 204)
    ask(client, "PUT", f"/api/v1/playlists/{made['id']}", **put)
    ask(client, "GET", f"{RENEWALS}/{made['id']}", 404)


def test_a_deleted_playlist_renews_nothing(client: FlaskClient, app: Flask, home: Path) -> None:
    made = make(client)
    renewal = renewal_of(home, made["id"])
    ask(client, "DELETE", f"/api/v1/playlists/{made['id']}", 204)
    served = app.extensions["served_home"].current()
    with turn(served.catalog) as holder:
        assert renew(served, renewal, holder, []) is None
    assert served.catalog.renewals.all() == []


def test_the_command_lists_and_renews(
    client: FlaskClient, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = COMMAND.main([*arguments, "--home", str(home)])
        return (status, *capsys.readouterr())

    assert run("list")[1].startswith("There are no playlists yet")
    one, other = make(client)["id"], make(client, name="Other", every="week")["id"]
    status, out, _ = run("list")
    assert status == 0
    assert f"{one}  me: Daily, 5 tracks\n     Renews itself every day; next on 20" in out
    assert run("renew") == (0, "No playlist is due.\n", "")
    put_back(home, one, days=2)
    said = "There is no listening model yet: these tracks are chosen by sound alone.\n"
    assert run("renew") == (0, f"{one}  Daily: 5 tracks\n", f"Daily: {said}")
    renewed = (0, f"{other}  Other: 5 tracks\n", f"Other: {said}")
    assert run("renew", str(other), "--listener", "me") == renewed
    status, _, err = run("renew", "99")
    assert (status, "Playlist 99 is unknown" in err) == (1, True)
    ask(client, "PATCH", f"{RENEWALS}/{one}", question=f"?length={N_TRACKS}")
    status, out, err = run("renew", str(one), str(one))
    assert (status, "instead of" in err) == (0, True)
