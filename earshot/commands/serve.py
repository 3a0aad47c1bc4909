"""Serve a home: the web pages, and the API.

    earshot serve --home ~/music-home --port 8000
    earshot serve --listener ann
    earshot serve --accounts --public-name music.example.org --trusted-proxy 127.0.0.1

Without accounts for whoever sits at this machine; with accounts, which is always so where other
machines reach the server, for whoever logs in. The first time an owner's account is made, and its
password shown.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from earshot.arguments import new_parser, whole_number
from earshot.command import DONE, Command
from earshot.terminal import suggesting
from earshot.worker_process import (
    MOST_PROCESSES,
    Shared,
    application,
    begin_serving,
    end_without,
    keep_warm,
    start_worker,
)
from index.shared_copy import shared_folder
from recsys.accounts import Accounts
from recsys.catalog import Account, AccountError, is_name
from recsys.home.settings import load_settings
from recsys.served_home import ServedHome
from recsys.threads import one_thread_each
from webui.app import DEFAULT_LISTENER
from webui.handing_over import HandOver
from webui.renewing import renew_when_due
from webui.security import is_loopback
from webui.server import Server, listen, raise_file_limit
from webui.workers import Workers

FIRST_OWNER = "owner"


class PortUnavailable(Exception):
    """The server cannot listen on its address."""


@dataclass(frozen=True)
class ServeOptions:
    """The arguments of `earshot serve`."""

    home: Path | None
    host: str
    port: int
    listener: str
    accounts: bool
    public_name: tuple[str, ...]
    music: tuple[Path, ...]
    media_server: Path | None
    trusted_proxy: str | None
    processes: int


def parse(arguments: Sequence[str]) -> ServeOptions:
    """Parse the arguments."""
    parser = new_parser(
        "serve",
        "Serve a home: the web pages, and the API.",
        statuses="Exit status: 0 stopped by a signal; 1 the port or the catalogue cannot be used; "
        "2 usage.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=8000,
        help="0: any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--listener",
        default=DEFAULT_LISTENER,
        metavar="NAME",
        help="whose listens and likes these are, as in imported histories; with accounts those of "
        "the first owner (default: %(default)s)",
    )
    parser.add_argument(
        "--accounts",
        action="store_true",
        help="everybody logs in; implied by the next two, and by a --host that others reach",
    )
    parser.add_argument(
        "--public-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address that others reach this server under; may be repeated",
    )
    parser.add_argument(
        "--music",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="a folder below which owners may choose music folders on the pages; may be repeated "
        "(default: your home directory, /media, /mnt, /srv, /music, /Volumes)",
    )
    parser.add_argument(
        "--media-server",
        type=Path,
        metavar="FILE",
        help="the database of Navidrome (navidrome.db) or Jellyfin (jellyfin.db), by whose ids "
        "AudioMuse-AI's plugin for it asks this server",
    )
    parser.add_argument(
        "--trusted-proxy",
        metavar="ADDRESS",
        help="a reverse proxy, whose X-Forwarded-For and X-Forwarded-Proto are trusted",
    )
    parser.add_argument(
        "--processes",
        type=whole_number(1, MOST_PROCESSES),
        metavar="N",
        default=1,
        help="processes that answer, for many callers: with 2 or more one holds the connections, "
        "and so many search and recommend (default: %(default)s)",
    )
    args = parser.parse_args(arguments)
    several = {"public_name": tuple(args.public_name), "music": tuple(args.music)}
    options = ServeOptions(**{**vars(args), **several})
    if not is_name(options.listener):
        parser.error("--listener takes a name of 1 to 200 printable characters")
    for name in options.public_name:
        if not re.fullmatch(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+", name):
            parser.error(f"--public-name takes a name alone, as music.example.org, not {name}")
    if options.trusted_proxy is not None and not _is_address(options.trusted_proxy):
        parser.error("--trusted-proxy takes the proxy's IP address, as 127.0.0.1")
    others = not is_loopback(options.host)
    if others and not options.public_name and _is_any_address(options.host):
        parser.error(
            f"--host {options.host} has no name of its own: say under which name or address others "
            "reach this server (--public-name)"
        )
    if others or options.public_name or options.trusted_proxy is not None:
        options = replace(options, accounts=True)
    return options


def run(options: ServeOptions) -> int:
    """Serve until SIGINT or SIGTERM.

    Answers on their way are made and sent, and their connections closed, for some seconds at most;
    streams and analyses of dropped files end. A second signal ends all of it.
    """
    begin_serving()
    beside: list[threading.Thread] = []
    with ExitStack() as stack:
        try:
            serve(options, stack, beside)
        except OSError as error:
            where = f"{options.host}:{options.port}"
            raise PortUnavailable(f"{where} cannot be served on: {error.strerror}.") from error
    end_without(beside)
    return DONE


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_any_address(host: str) -> bool:
    return not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified)


def serve(options: ServeOptions, stack: ExitStack, beside: list[threading.Thread]) -> None:
    """Serve until a signal comes; the stack closes what was opened.

    Threads that work beside the answers are appended to `beside`; they end soon after.
    """
    settings = load_settings(options.home)
    closing = threading.Event()
    n_workers = options.processes if options.processes > 1 else 0
    copies = stack.enter_context(shared_folder()) if n_workers else None
    shared = Shared(secrets.token_bytes(32), copies)
    app, accounts = application(options, settings, shared, closing, stack)
    home: ServedHome = app.extensions["served_home"]
    raise_file_limit()
    stack.enter_context(one_thread_each())
    # Only now, when the port is ours: a password that nobody reads would be lost, and workers are
    # started for nothing.
    listeners = listen(options.host, options.port)
    hand_over = None
    if n_workers:
        workers = Workers(n_workers, partial(start_worker, options, settings, shared))
        stack.callback(workers.close)
        hand_over = HandOver(app, workers)
    server = Server(app, listeners, trusted_proxy=options.trusted_proxy, hand_over=hand_over)
    address = f"http://{url_host(options.host)}:{server.effective_port}"
    made = first_owner(accounts, options.listener) if accounts is not None else None
    if not n_workers:
        beside.append(threading.Thread(target=keep_warm, args=(home, closing), daemon=True))
    renewing = home, app.config["MUSIC_ROOTS"], closing
    beside.append(threading.Thread(target=renew_when_due, args=renewing, daemon=True))
    for thread in beside:
        thread.start()

    def close(*_: object) -> None:
        closing.set()
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, close)
    print(f"Serving on {address}", flush=True)
    if made is not None:
        print(suggesting(_introduction(*made, address)), flush=True)
    if not is_loopback(options.host) and options.trusted_proxy is None:
        print(
            "Passwords travel to other machines as they are: for more than a network you "
            "trust, put a reverse proxy with TLS before this server (docs/users.md).",
            file=sys.stderr,
        )
    server.run()


def first_owner(accounts: Accounts, listener: str) -> tuple[Account, str] | None:
    """Make an owner and a password where there is none yet."""
    if any(account.role == "owner" for account in accounts.people.accounts()):
        return None
    return accounts.add(FIRST_OWNER, role="owner", listener=listener)


def _introduction(owner: Account, password: str, address: str) -> str:
    """Say how the first owner logs in."""
    return f"""
This home had no owner's account, so one was made. Its password is shown this once:

    name      {owner.name}
    password  {password}

Log in at {address}/login, and change the password on your account's page, where other people get
accounts too. Where it is lost: `earshot account password {owner.name}`
"""


def url_host(host: str) -> str:
    """Return a host as a URL has it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


COMMAND = Command(parse, run, errors=(AccountError, PortUnavailable))
