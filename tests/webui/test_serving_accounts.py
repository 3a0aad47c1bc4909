"""Accounts served by a process, and looked after by command."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher

from earshot.commands import account, serve
from recsys.accounts import Accounts
from recsys.catalog import Catalog

ROOT = Path(__file__).parents[2]
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "battery staple"


def manage(arguments: list[str]) -> int:
    """Run `earshot account` with passwords that are cheap to check."""
    run = partial(account.run, hasher=CHEAP)
    return replace(account.COMMAND, run=run).main(arguments)


def test_a_process_introduces_its_owner_and_believes_its_proxy(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--public-name", "Music.Example.org", "--trusted-proxy", "127.0.0.1", "--port", "0"]
    serving = [sys.executable, "-m", "earshot", "serve", "--home", str(home), *options]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(serving, cwd=ROOT, env=environ, stdout=-1, stderr=-1, text=True) as run:
        try:
            address, words = _first_words(run)
            password = re.search(r"password +(\S{23})\n", words)
            assert password and "name      owner" in words
            proxy = _Proxy(address)
            status, headers, page = proxy.ask("GET", "/login")
            assert (status, "Secure" in headers["Set-Cookie"]) == (200, True)
            token = re.search(r'name="token" value="(\w+)"', page)
            assert token
            form = {"token": token[1], "name": "owner", "password": password[1]}
            status, headers, _ = proxy.ask("POST", "/login", form)
            assert (status, headers["Location"]) == (303, "/")
            answer = json.loads(proxy.ask("GET", "/api/v1/session")[2])
            assert (
                answer["listener"] == "me"
            )  # goes on with what was heard before there were accounts
            assert manage(["list", "--home", str(home)]) == 0
            listed = capsys.readouterr().out
            assert listed.startswith("owner: owner since") and "listens as me" in listed
            monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
            assert manage(["password", "owner", "--ask", "--home", str(home)]) == 0
            assert proxy.ask("GET", "/api/v1/session")[0] == 401
            run.send_signal(signal.SIGTERM)
            log = run.communicate(timeout=60)[1]
            assert run.returncode == 0, log
        finally:
            run.kill()  # where something above failed
    assert password[1] not in log and token[1] not in log
    with Catalog(home) as catalog:
        accounts = Accounts(catalog.people, CHEAP)
        assert accounts.log_in("owner", PASSWORD)
        assert serve.first_owner(accounts, "me") is None  # there is one


class _Proxy:
    """Asks as a reverse proxy does, and keeps the cookie as a browser does."""

    def __init__(self, address: str) -> None:
        self._address = address.removeprefix("http://")
        self._cookie = ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        headers = {
            "Host": "music.example.org",
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Proto": "https",
            "Origin": "https://music.example.org",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": self._cookie,
        }
        connection.request(method, path, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        self._cookie = answer.headers.get("Set-Cookie", self._cookie).partition(";")[0]
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, body


def _first_words(run: subprocess.Popen[str]) -> tuple[str, str]:
    assert run.stdout
    address = run.stdout.readline().removeprefix("Serving on ").strip()
    words = ""
    while "Where it is lost" not in words:
        line = run.stdout.readline()
        assert line, run.communicate()[1]
        words += line
    return address, words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--public-name", "https://music.example.org"], "takes a name alone"),
        (["--trusted-proxy", "proxy"], "IP address"),
        (["--host", "0.0.0.0"], "--public-name"),
        (["--host", "::"], "--public-name"),
    ],
)
def test_wrong_usage_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        serve.COMMAND.main(arguments)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "accounts"),
    [
        ([], False),
        (["--host", "localhost"], False),
        (["--accounts"], True),
        (["--host", "192.168.1.5"], True),
        (["--public-name", "music.example.org"], True),
        (["--trusted-proxy", "127.0.0.1"], True),
    ],
)
def test_whoever_is_reached_from_elsewhere_has_accounts(
    arguments: list[str], accounts: bool
) -> None:
    assert serve.parse(arguments).accounts is accounts


def test_people_are_looked_after_by_command(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def output_of(status: int, *arguments: str) -> str:
        assert manage([*arguments, "--home", str(home)]) == status
        out, err = capsys.readouterr()
        return err if status else out

    assert "Nobody has an account" in output_of(0, "list")
    password = output_of(0, "add", "Ann", "--owner").splitlines()[-1].rpartition(" ")[2]
    key = output_of(0, "key", "ann", "phone").splitlines()[-1]
    with Catalog(home) as catalog:
        accounts = Accounts(catalog.people, CHEAP)
        token, person = accounts.log_in("ann", password), accounts.of_key(key)
        assert token and person and person.role == "owner"
        assert re.search(
            r"Ann: owner since .*\n  key 1, phone: earshot_.{4}…, last", output_of(0, "list")
        )
        assert "already" in output_of(1, "add", "ann")
        assert "no key 2" in output_of(1, "revoke", "ann", "2")
        assert "no account bob" in output_of(1, "password", "bob")
        assert "last owner" in output_of(1, "role", "ann", "member")
        assert "last owner" in output_of(1, "remove", "ann")
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
        assert "10 to 1000" in output_of(1, "password", "ann", "--ask")
        output_of(0, "revoke", "ann", "1")
        assert accounts.of_key(key) is None
        output_of(0, "add", "bob", "--owner")
        assert "no longer log in" in output_of(0, "remove", "ann")
        assert accounts.of_session(token) is None
        assert "--listener" in output_of(1, "add", "Ann")
        output_of(0, "add", "ann", "--listener", "Ann")
