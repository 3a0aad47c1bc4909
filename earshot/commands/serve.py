"""Serve a home: the workbench, and its API.

    python scripts/serve.py --home ~/music-home --port 8000
    python scripts/serve.py --listener ann
    python scripts/serve.py --accounts --public-name music.example.org --trusted-proxy 127.0.0.1

Without accounts for whoever sits at this machine; with accounts, which is always so where other
machines reach the server, for whoever logs in. The first time an owner's account is made, and its
password shown.

Exit status: 0 stopped by a signal, 1 the port or the catalogue cannot be had, 2 usage.
"""

from __future__ import annotations

import argparse
import gc
import ipaddress
import logging
import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from earshot.build_process import Building
from earshot.transcoding import transcoded
from earshot.upload_worker import Hearing
from encoders.projection import ProjectionError
from recsys.accounts import Accounts
from recsys.catalog import Account, AccountError, Catalog, CatalogError, is_name
from recsys.home.settings import SettingsError, load_settings
from recsys.served_home import Served, ServedHome, Unavailable
from webui.app import DEFAULT_LISTENER, create_app
from webui.security import is_loopback
from webui.server import Server, listen, raise_file_limit

FAILED, USAGE = 1, 2
FIRST_OWNER = "owner"
LOOK = 5.0  # s between two looks for a new index


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    Answers on their way are made and sent, and their connections closed, for some seconds at most;
    streams and analyses of dropped files end. A second signal ends all of it.
    """
    args = parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with ExitStack() as stack:
        try:
            serve(args, stack)
        except SettingsError as error:
            print(error, file=sys.stderr)
            return USAGE
        except (AccountError, CatalogError) as error:
            print(error, file=sys.stderr)
            return FAILED
        except OSError as error:
            where = f"{args.host}:{args.port}"
            print(f"{where} cannot be served on: {error.strerror}.", file=sys.stderr)
            return FAILED
    return 0


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Serve a home: the workbench, and its API.")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
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
        help="everybody logs in (always so with the next two, and with a --host for others)",
    )
    parser.add_argument(
        "--public-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address that others reach this server under; repeat it for more",
    )
    parser.add_argument(
        "--trusted-proxy",
        metavar="ADDRESS",
        help="the reverse proxy, whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    args = parser.parse_args(arguments)
    if not 0 <= args.port <= 65535:
        parser.error("--port takes a number from 0, any free one, to 65535")
    if not is_name(args.listener):
        parser.error("--listener takes a name of 1 to 200 printable characters")
    for name in args.public_name:
        if not re.fullmatch(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+", name):
            parser.error(f"--public-name takes a name alone, as music.example.org, not {name}")
    if args.trusted_proxy is not None and not _is_address(args.trusted_proxy):
        parser.error("--trusted-proxy takes the proxy's IP address, as 127.0.0.1")
    others = not is_loopback(args.host)
    if others and not args.public_name and _is_any_address(args.host):
        parser.error(
            f"--host {args.host} has no name of its own: say under which name or address others "
            "reach this server (--public-name)"
        )
    args.accounts |= others or bool(args.public_name) or args.trusted_proxy is not None
    return args


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_any_address(host: str) -> bool:
    return not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified)


def serve(args: argparse.Namespace, stack: ExitStack) -> None:
    """Serve until a signal comes; the stack closes what was opened."""
    settings = load_settings(args.home)
    closing = threading.Event()
    accounts = None
    if args.accounts:
        catalog = stack.enter_context(Catalog(settings.home, settings.database))
        accounts = Accounts(catalog.people)
    app = create_app(
        settings,
        listener=args.listener,
        accounts=accounts,
        public_names={name.lower() for name in (*args.public_name, args.host)},
        hear=Hearing(settings.home, closing),
        transcode=transcoded,
        build=Building(settings.home),
        closing=closing,
    )
    home: ServedHome = app.extensions["served_home"]
    stack.callback(home.close)
    raise_file_limit()
    server = Server(app, listen(args.host, args.port), trusted_proxy=args.trusted_proxy)
    address = f"http://{url_host(args.host)}:{server.effective_port}"
    # Only now, when the port is ours: a password that nobody reads would be lost.
    made = first_owner(accounts, args.listener) if accounts is not None else None
    threading.Thread(target=keep_warm, args=(home, closing), daemon=True).start()

    def close(*_: object) -> None:
        closing.set()
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, close)
    print(f"Serving on {address}", flush=True)
    if made is not None:
        print(_introduction(*made, address), flush=True)
    if not is_loopback(args.host) and args.trusted_proxy is None:
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
accounts too. Where it is lost: python scripts/account.py password {owner.name}
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


if __name__ == "__main__":
    status = main()
    gc.freeze()  # the collector would look through all modules once more, which takes a second
    sys.exit(status)
