"""Look after who may log in to a home that is served with accounts.

    python scripts/account.py list
    python scripts/account.py add ann --listener ann_on_lastfm
    python scripts/account.py password ann
    python scripts/account.py role ann owner
    python scripts/account.py remove ann
    python scripts/account.py key ann phone
    python scripts/account.py revoke ann 3

Passwords are made and shown once; with --ask they are typed, or read from a pipe. A running server
knows of every change at once.

Exit status: 0 done, 1 it cannot be, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from argon2 import PasswordHasher

from earshot.query_arguments import NotFound, status_of
from earshot.terminal import printable
from recsys.accounts import Accounts
from recsys.catalog import Account, AccountError, Catalog, Role
from recsys.home.settings import load_settings


def main(arguments: Sequence[str] | None = None, hasher: PasswordHasher | None = None) -> int:
    """Do one thing, and return the exit status; `hasher` says what checking a password costs."""
    args = parse_args(arguments)
    args.hasher = hasher
    return status_of(run, args, AccountError, refused="cannot be read or written")


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Look after who may log in.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", type=Path, help="where the catalogue is kept")
    commands = parser.add_subparsers(title="commands", required=True)

    def command(name: str, do: Callable[..., None], words: str) -> argparse.ArgumentParser:
        about = words.capitalize() + "."
        added = commands.add_parser(name, help=words, description=about, parents=[common])
        added.set_defaults(do=do)
        if do is not show_all:
            added.add_argument("name", help="of the account")
        return added

    command("list", show_all, "list accounts and their keys")
    adding = command("add", add, "add a person")
    adding.add_argument("--owner", action="store_true", help="who may start builds and add people")
    adding.add_argument("--listener", help="whose listening history the account goes on with")
    setting = command("password", set_password, "set a new password and log out everywhere")
    for one in (adding, setting):
        one.add_argument("--ask", action="store_true", help="type the password")
    command("role", set_role, "make an owner or a member").add_argument(
        "role", choices=("owner", "member")
    )
    command("remove", remove, "remove an account; what it listened to is kept")
    command("key", make_key, "make an API key and show it").add_argument(
        "called", metavar="FOR", help="what the key is for"
    )
    command("revoke", revoke_key, "make an API key worthless").add_argument(
        "key", type=int, help="its number, as list shows it"
    )
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> int:
    """Do what is asked for."""
    settings = load_settings(args.home)
    with Catalog(settings.home, settings.database) as catalog:
        args.do(Accounts(catalog.people, args.hasher), args)
    return 0


def show_all(accounts: Accounts, _: argparse.Namespace) -> None:
    """List accounts and their keys."""
    known = accounts.people.accounts()
    if not known:
        print("Nobody has an account. The first is made by serve.py --accounts, or by add --owner.")
    for account in known:
        named = "" if account.listener == account.name else f", listens as {account.listener}"
        since = f"{account.role} since {_day(account.created_at)}"
        print(printable(f"{account.name}: {since}{named}"))
        for key in accounts.people.keys(account.id):
            used = f"last used {_day(key.last_used_at)}" if key.last_used_at else "never used"
            print(printable(f"  key {key.id}, {key.name}: {key.prefix}…, {used}"))


def add(accounts: Accounts, args: argparse.Namespace) -> None:
    """Add a person."""
    asked = _ask() if args.ask else None
    role: Role = "owner" if args.owner else "member"
    made, password = accounts.add(args.name, role=role, listener=args.listener, password=asked)
    print(printable(f"{made.name} may log in, as {made.role}."))
    _show(password, args)


def set_password(accounts: Accounts, args: argparse.Namespace) -> None:
    """Set a new password."""
    account = _find(accounts, args.name)
    password = accounts.reset_password(account, _ask() if args.ask else None)
    print(printable(f"{account.name} has a new password and is logged out everywhere."))
    _show(password, args)


def set_role(accounts: Accounts, args: argparse.Namespace) -> None:
    """Make an owner or a member."""
    account = _find(accounts, args.name)
    accounts.people.set_role(account.id, args.role)
    print(printable(f"{account.name} is {args.role} now."))


def remove(accounts: Accounts, args: argparse.Namespace) -> None:
    """Remove an account."""
    account = _find(accounts, args.name)
    accounts.people.remove(account.id)
    print(
        printable(
            f"{account.name} may no longer log in. Listens and likes are kept under "
            f"{account.listener}: an account made with --listener goes on with them."
        )
    )


def make_key(accounts: Accounts, args: argparse.Namespace) -> None:
    """Make a key."""
    key, text = accounts.make_key(_find(accounts, args.name), args.called)
    print(printable(f"Key {key.id}, {key.name}, shown this once:"))
    print(text)


def revoke_key(accounts: Accounts, args: argparse.Namespace) -> None:
    """Revoke a key."""
    accounts.people.revoke_key(_find(accounts, args.name).id, args.key)
    print(f"Key {args.key} is worthless now.")


def _find(accounts: Accounts, name: str) -> Account:
    known = accounts.people.by_name(name)
    if known is None:
        raise NotFound(f"Nobody called {name} has an account: see list.")
    return known[0]


def _ask() -> str:
    """Return a password that is typed twice, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountError("The two differ: nothing was changed.")
    return password


def _show(password: str, args: argparse.Namespace) -> None:
    if not args.ask:
        print(f"The password, shown this once: {password}")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
