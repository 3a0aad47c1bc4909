"""Manage the accounts of a home that is served with accounts.

    earshot account list
    earshot account add ann --listener ann_on_lastfm
    earshot account password ann
    earshot account role ann owner
    earshot account remove ann
    earshot account key ann phone
    earshot account revoke ann 3

Passwords are made and shown once; with --ask they are typed, or read from a pipe. A running server
sees every change at once.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from argon2 import PasswordHasher

from earshot.arguments import add_subcommands, new_parser
from earshot.command import DONE, Command, NotFound
from earshot.terminal import printable, suggesting
from recsys.accounts import Accounts
from recsys.catalog import Account, AccountError, Catalog, Role
from recsys.home.settings import load_settings


@dataclass(frozen=True)
class AccountOptions:
    """The arguments of `earshot account`; those of other subcommands have their defaults."""

    home: Path | None
    subcommand: str
    name: str = ""
    owner: bool = False
    listener: str | None = None
    ask: bool = False
    role: Role = "member"
    called: str = ""
    key: int = 0


def parse(arguments: Sequence[str]) -> AccountOptions:
    """Parse the arguments."""
    parser = new_parser(
        "account", "Manage the accounts of a server.", nothing="1 it cannot be done"
    )
    summaries = {name: summary for name, (_, summary) in SUBCOMMANDS.items()}
    for name, command in add_subcommands(parser, summaries):
        if name != "list":
            command.add_argument("name", help="of the account")
        if name == "add":
            command.add_argument(
                "--owner", action="store_true", help="may start builds and add people"
            )
            command.add_argument(
                "--listener", metavar="NAME", help="whose listening history the account continues"
            )
        if name in ("add", "password"):
            command.add_argument("--ask", action="store_true", help="type the password")
        if name == "role":
            command.add_argument("role", choices=("owner", "member"), help="what it becomes")
        if name == "key":
            command.add_argument("called", metavar="FOR", help="what the key is for")
        if name == "revoke":
            command.add_argument("key", type=int, help="its number in the list")
    return AccountOptions(**vars(parser.parse_args(arguments)))


def run(options: AccountOptions, hasher: PasswordHasher | None = None) -> int:
    """Do what is asked for; `hasher` says what checking a password costs."""
    settings = load_settings(options.home)
    act, _ = SUBCOMMANDS[options.subcommand]
    with Catalog(settings.home, settings.database) as catalog:
        act(Accounts(catalog.people, hasher), options)
    return DONE


def show_all(accounts: Accounts, _: AccountOptions) -> None:
    """List accounts and their keys."""
    everybody = accounts.people.accounts()
    if not everybody:
        print(
            suggesting(
                "Nobody has an account. `earshot serve --accounts` makes the first, or "
                "`earshot account add NAME --owner`."
            )
        )
    for account in everybody:
        named = "" if account.listener == account.name else f", listens as {account.listener}"
        since = f"{account.role} since {_day(account.created_at)}"
        print(printable(f"{account.name}: {since}{named}"))
        for key in accounts.people.keys(account.id):
            used = f"last used {_day(key.last_used_at)}" if key.last_used_at else "never used"
            print(printable(f"  key {key.id}, {key.name}: {key.prefix}…, {used}"))


def add(accounts: Accounts, options: AccountOptions) -> None:
    """Add a person."""
    typed = _ask() if options.ask else None
    role: Role = "owner" if options.owner else "member"
    account, password = accounts.add(
        options.name, role=role, listener=options.listener, password=typed
    )
    print(printable(f"{account.name} may log in, as {account.role}."))
    _show(password, options)


def set_password(accounts: Accounts, options: AccountOptions) -> None:
    """Set a new password."""
    account = _find(accounts, options.name)
    password = accounts.reset_password(account, _ask() if options.ask else None)
    print(printable(f"{account.name} has a new password and is logged out everywhere."))
    _show(password, options)


def set_role(accounts: Accounts, options: AccountOptions) -> None:
    """Make an owner or a member."""
    account = _find(accounts, options.name)
    accounts.people.set_role(account.id, options.role)
    print(printable(f"{account.name} is {options.role} now."))


def remove(accounts: Accounts, options: AccountOptions) -> None:
    """Remove an account."""
    account = _find(accounts, options.name)
    accounts.people.remove(account.id)
    print(
        printable(
            f"{account.name} may no longer log in. Listens and likes are kept under "
            f"{account.listener}: an account made with --listener goes on with them."
        )
    )


def make_key(accounts: Accounts, options: AccountOptions) -> None:
    """Make a key."""
    key, text = accounts.make_key(_find(accounts, options.name), options.called)
    print(printable(f"Key {key.id}, {key.name}, shown this once:"))
    print(text)


def revoke_key(accounts: Accounts, options: AccountOptions) -> None:
    """Revoke a key."""
    accounts.people.revoke_key(_find(accounts, options.name).id, options.key)
    print(f"Key {options.key} is revoked.")


def _find(accounts: Accounts, name: str) -> Account:
    match = accounts.people.by_name(name)
    if match is None:
        raise NotFound(f"There is no account {name}: see `earshot account list`.")
    return match[0]


def _ask() -> str:
    """Return a password that is typed twice, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountError("The two passwords differ: nothing was changed.")
    return password


def _show(password: str, options: AccountOptions) -> None:
    if not options.ask:
        print(f"The password, shown this once: {password}")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


SUBCOMMANDS: dict[str, tuple[Callable[[Accounts, AccountOptions], None], str]] = {
    "list": (show_all, "list accounts and their keys"),
    "add": (add, "add a person"),
    "password": (set_password, "set a new password and log out everywhere"),
    "role": (set_role, "make an owner or a member"),
    "remove": (remove, "remove an account; its listens are kept"),
    "key": (make_key, "make an API key and show it"),
    "revoke": (revoke_key, "revoke an API key"),
}
COMMAND = Command(parse, run, errors=(AccountError,), refused="cannot be read or written")
