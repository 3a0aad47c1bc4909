"""Serve a home: the web pages, and the API.

    earshot serve --home ~/music-home --port 8000
    earshot serve --listener ann
    earshot serve --accounts --public-name music.example.org --trusted-proxy 127.0.0.1

Without accounts for whoever sits at this machine; with accounts, which is always so where other
machines reach the server, for whoever logs in. The first time an owner's account is made, and its
password shown.
"""

from __future__ import annotations

import atexit
import gc
import ipaddress
import logging
import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from earshot.arguments import new_parser, whole_number
from earshot.build_process import BuildStarter
from earshot.command import DONE, Command
from earshot.import_process import ImportStarter
from earshot.transcoding import transcoded
from earshot.upload_analyser import UploadAnalyser
from earshot.waveforms import levels_of
from encoders.projection import ProjectionError
from recsys.accounts import Accounts
from recsys.catalog import Account, AccountError, CatalogError, is_name
from recsys.home.settings import load_settings
from recsys.served_home import Served, ServedHome, Unavailable, open_catalog
from recsys.threads import one_thread_each
from webui.app import DEFAULT_LISTENER, create_app
from webui.music_folders import default_roots
from webui.security import is_loopback
from webui.server import Server, listen, raise_file_limit

FIRST_OWNER = "owner"
LOOK = 5.0  # s between two looks for a new index


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
    trusted_proxy: str | None


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
        "--trusted-proxy",
        metavar="ADDRESS",
        help="a reverse proxy, whose X-Forwarded-For and X-Forwarded-Proto are trusted",
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
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    atexit.register(gc.freeze)  # a last collection would look through all modules for a second
    with ExitStack() as stack:
        try:
            serve(options, stack)
        except OSError as error:
            where = f"{options.host}:{options.port}"
            raise PortUnavailable(f"{where} cannot be served on: {error.strerror}.") from error
    return DONE


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_any_address(host: str) -> bool:
    return not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified)


def serve(options: ServeOptions, stack: ExitStack) -> None:
    """Serve until a signal comes; the stack closes what was opened."""
    settings = load_settings(options.home)
    closing = threading.Event()
    accounts = None
    if options.accounts:
        catalog = stack.enter_context(open_catalog(settings))
        accounts = Accounts(catalog.people)
    analyser = UploadAnalyser(settings.home, closing)
    stack.callback(analyser.close)
    app = create_app(
        settings,
        listener=options.listener,
        accounts=accounts,
        public_names={name.lower() for name in (*options.public_name, options.host)},
        analyse_file=analyser,
        transcode=transcoded,
        read_levels=levels_of,
        build=BuildStarter(settings.home),
        import_history=ImportStarter(settings.home),
        music_roots=options.music or default_roots(),
        closing=closing,
    )
    home: ServedHome = app.extensions["served_home"]
    stack.callback(home.close)
    raise_file_limit()
    stack.enter_context(one_thread_each())
    server = Server(app, listen(options.host, options.port), trusted_proxy=options.trusted_proxy)
    address = f"http://{url_host(options.host)}:{server.effective_port}"
    # Only now, when the port is ours: a password that nobody reads would be lost.
    made = first_owner(accounts, options.listener) if accounts is not None else None
    threading.Thread(target=keep_warm, args=(home, closing), daemon=True).start()

    def close(*_: object) -> None:
        closing.set()
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, close)
    print(f"Serving on {address}", flush=True)
    if made is not None:
        print(_introduction(*made, address), flush=True)
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
accounts too. Where it is lost: earshot account password {owner.name}
"""


def keep_warm(home: ServedHome, closing: threading.Event) -> None:
    """Take up each new index, and read what questions to it will need, before they come."""
    warmed: Served | None = None
    while not closing.is_set():
        with suppress(Unavailable, CatalogError, ProjectionError):
            served = home.current()
            if served is not warmed:
                warmed = served
                served.warm()
        closing.wait(LOOK)


def url_host(host: str) -> str:
    """Return a host as a URL has it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


COMMAND = Command(parse, run, errors=(AccountError, PortUnavailable))
