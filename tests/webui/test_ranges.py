"""Ranges of a sound, by the table of RFC 9110, section 14."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask
from made_home import N_TRACKS, scanned_file

from recsys.catalog import Catalog

LENGTH = 1000
CONTENT = bytes(n % 251 for n in range(LENGTH))
CHANGED_AT = 1_700_000_000
SOUND = "/api/v1/tracks/5/audio"
ANSWERED = (
    ("bytes=0-0", 0, 0),
    ("bytes=0-1", 0, 1),
    ("bytes=100-199", 100, 199),
    ("bytes=999-999", 999, 999),
    ("bytes=990-", 990, 999),
    ("bytes=0-", 0, 999),
    ("bytes=0-999", 0, 999),
    ("bytes=990-5000", 990, 999),
    (f"bytes=990-{'9' * 5000}", 990, 999),
    ("bytes=000990-00995", 990, 995),
    ("bytes=-1", 999, 999),
    ("bytes=-500", 500, 999),
    ("bytes=-1000", 0, 999),
    ("bytes=-5000", 0, 999),
    (f"bytes=-{'9' * 5000}", 0, 999),
    ("Bytes=0-1", 0, 1),
    ("BYTES=0-1", 0, 1),
    ("bytes=,0-1", 0, 1),
    ("bytes= 0-1 , ,", 0, 1),
)  # range, first, last
IGNORED = (
    "items=0-1",  # another unit
    "seconds=1-2",
    "bytes",  # malformed
    "bytes=",
    "bytes=-",
    "bytes=--1",
    "bytes=1",
    "bytes=a-b",
    "bytes=0-b",
    "bytes=0x0-0x1",
    "bytes=+0-1",
    "bytes=1 - 2",
    "bytes=1-2-3",
    "bytes=0-1;2-3",
    "bytes 0-1",
    "bytes=²-³",
    "0-1",
    "=0-1",
    "garbage",
    "bytes=5-4",  # ends before it begins
    "bytes=0-1,5-4",
    "bytes=0-1,5-6",  # several
    "bytes=0-5,3-8",  # overlapping
    "bytes=5-6,0-1",
    "bytes=0-0,-1",
    "bytes=0-1,5000-",
    "bytes=5000-,6000-",
    "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 1000, 2)),
)
BEYOND = (
    "bytes=1000-",
    "bytes=1000-1001",
    "bytes=5000-",
    f"bytes={'9' * 5000}-",
    "bytes=-0",
)


class Sent(NamedTuple):
    """What a server answers."""

    status: int
    body: bytes
    headers: Message


@pytest.fixture
def address(
    home: Path, library: Path, tmp_path: Path, app: Flask, serve: Callable[[Flask], str]
) -> str:
    """A server whose track 5 has a thousand bytes, its track 6 none."""
    music = shutil.copytree(library / "music", tmp_path / "music")
    (music / "4.wav").write_bytes(CONTENT)
    (music / "5.wav").write_bytes(b"")
    for name in ("4.wav", "5.wav"):
        os.utime(music / name, (CHANGED_AT, CHANGED_AT))
    with Catalog(home) as catalog:
        catalog.record_files(
            [scanned_file(n, music)._replace(track_id=n + 1) for n in range(N_TRACKS)]
        )
    return serve(app)


def get(address: str, path: str = SOUND, method: str = "GET", **headers: str) -> Sent:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address + path, headers=named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Sent(answer.status, answer.read(), answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Sent(error.code, error.read(), error.headers)


def test_one_range_is_answered(address: str) -> None:
    for byte_range, first, last in ANSWERED:
        sent = get(address, Range=byte_range)
        assert (sent.status, sent.body) == (206, CONTENT[first : last + 1]), byte_range
        assert sent.headers["Content-Range"] == f"bytes {first}-{last}/{LENGTH}"
        assert sent.headers["Content-Length"] == str(len(sent.body))
        assert sent.headers["ETag"]


def test_what_is_not_one_range_is_ignored(address: str) -> None:
    for byte_range in IGNORED:
        sent = get(address, Range=byte_range.encode().decode("latin-1"))
        assert (sent.status, sent.body) == (200, CONTENT), byte_range
        assert "Content-Range" not in sent.headers
        assert sent.headers["Accept-Ranges"] == "bytes"


def test_a_range_beyond_the_end_is_refused(address: str) -> None:
    for byte_range in BEYOND:
        sent = get(address, Range=byte_range)
        assert sent.status == 416, byte_range
        assert sent.headers["Content-Range"] == f"bytes */{LENGTH}"
        assert b'"status": 416' in sent.body


def test_ranges_of_nothing(address: str) -> None:
    empty = SOUND.replace("5", "6")
    assert get(address, empty)[:2] == (200, b"")
    assert get(address, empty, Range="bytes=-5")[:2] == (200, b"")
    assert get(address, empty, Range="items=0-5")[:2] == (200, b"")
    refused = get(address, empty, Range="bytes=0-")
    assert (refused.status, refused.headers["Content-Range"]) == (416, "bytes */0")


def test_if_range_sends_the_rest_of_what_has_not_changed(address: str) -> None:
    etag = get(address).headers["ETag"]
    unchanged = {etag, formatdate(CHANGED_AT, usegmt=True)}
    changed = {
        f"W/{etag}", etag.strip('"'), '"another"', "", "garbage", "*", f'{etag}, "another"',
        formatdate(CHANGED_AT - 1, usegmt=True), formatdate(CHANGED_AT + 1, usegmt=True),
    }  # fmt: skip
    for validator in unchanged:
        sent = get(address, Range="bytes=1-2", If_Range=validator)
        assert (sent.status, sent.body) == (206, CONTENT[1:3]), validator
        assert get(address, Range="bytes=1000-", If_Range=validator).status == 416
        assert get(address, Range="items=1-2", If_Range=validator).status == 200
        assert get(address, If_Range=validator).body == CONTENT
    for validator in changed:
        sent = get(address, Range="bytes=1-2", If_Range=validator)
        assert (sent.status, sent.body) == (200, CONTENT), validator
        assert get(address, Range="bytes=1000-", If_Range=validator).status == 200


def test_a_file_that_may_change_within_its_second_is_sent_whole(
    address: str, tmp_path: Path
) -> None:
    os.utime(tmp_path / "music" / "4.wav")
    modified = get(address).headers["Last-Modified"]
    os.utime(tmp_path / "music" / "4.wav", (2e9, 2e9))  # a clock that is ahead
    ahead = get(address).headers["Last-Modified"]
    assert modified != ahead
    assert get(address, Range="bytes=1-2", If_Range=ahead).status == 200


def test_other_conditions_come_before_the_range(address: str) -> None:
    etag = get(address).headers["ETag"]
    assert get(address, Range="bytes=1-2", If_None_Match=etag).status == 304
    assert get(address, Range="bytes=1000-", If_None_Match=etag).status == 304
    assert get(address, Range="bytes=1-2", If_None_Match='"another"').status == 206
    since = formatdate(CHANGED_AT, usegmt=True)
    assert get(address, Range="bytes=1-2", If_Modified_Since=since).status == 304
    assert get(address, Range="bytes=1-2", If_Match='"another"').status == 412
    assert get(address, Range="bytes=1-2", If_Match=etag).status == 206


def test_ranges_are_for_getting(address: str) -> None:
    for byte_range in ("bytes=1-2", "bytes=5000-", "items=0-1"):
        sent = get(address, method="HEAD", Range=byte_range)
        assert (sent.status, sent.body, sent.headers["Content-Length"]) == (200, b"", str(LENGTH))


def test_what_has_no_ranges_is_sent_whole(address: str) -> None:
    for path in ("/static/icon.svg", "/api/v1/tracks", "/api/v1/playlists/export.m3u8?tracks=1"):
        whole = get(address, path)
        for byte_range in ("items=0-1", "bytes=0-1,5-6", "bytes=5-4", "garbage", "bytes=0-1"):
            sent = get(address, path, Range=byte_range)
            assert (sent.status, sent.body) == (200, whole.body), (path, byte_range)
