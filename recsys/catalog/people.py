"""Accounts of a home that is served to several people, their sessions and API keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import BigInteger, ForeignKey, Integer, Select, delete, exists, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from recsys.catalog import joining, listens
from recsys.catalog.base import Base, CleanText, clean_text, is_name
from recsys.catalog.database import CatalogError
from recsys.catalog.listens import Listener, ListenerRow
from recsys.catalog.recordings import listening_state

Role = Literal["owner", "member"]
KeyKind = Literal["key", "password", "link"]
LONGEST_ACCOUNT_NAME = 64  # characters
LONGEST_KEY_NAME = 64
USED_EVERY = 3600  # seconds between two writes of a key's last use: most requests only read


class AccountError(Exception):
    """An account or key cannot be created or changed; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """An account that may log in.

    listener_id, listener  the listener whose listens and feedback are theirs, and its name
    """

    id: int
    name: str
    role: Role
    created_at: int  # Unix seconds
    listener_id: int
    listener: str


@dataclass(frozen=True)
class ApiKey:
    """What a program of an account shows instead of the password.

    prefix  its first characters
    kind    "key": acts for the account; "password": logs a player in, by token and salt too;
            "link": opens one list in a player, and what it plays, and nothing else
    """

    id: int
    name: str
    prefix: str
    created_at: int  # Unix seconds
    last_used_at: int | None  # to the hour; None: never
    kind: KeyKind = "key"


class AccountRow(Base):
    """The table of accounts; `name_key` is the normalized name."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[Role] = mapped_column(CleanText)
    created_at: Mapped[int] = mapped_column(BigInteger)
    listener_id: Mapped[int] = mapped_column(ForeignKey("listeners.id"), unique=True)


class SessionRow(Base):
    """The table of login sessions, by the SHA-256 of their cookie's token."""

    __tablename__ = "sessions"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class ApiKeyRow(Base):
    """The table of valid API keys, by their SHA-256.

    `secret` is encrypted: what an application password says, or the list that a link opens.
    """

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[KeyKind] = mapped_column(CleanText, server_default="key")
    secret: Mapped[bytes | None]


def name_key(name: str) -> str:
    """Return the normalized name: case and Unicode forms make no difference.

    >>> name_key("Ａnn ") == name_key("ann")
    True
    """
    folded = unicodedata.normalize("NFKC", clean_text(name)).casefold()
    return clean_text(unicodedata.normalize("NFKC", folded)).strip()


_Transaction = Callable[[], AbstractContextManager[Session]]


class People:
    """The accounts of a catalogue; `Catalog.people` is one.

    Each call is one transaction. Every method raises CatalogError where the database does.
    """

    def __init__(self, reading: _Transaction, writing: _Transaction, home: Path) -> None:
        """`home` is the folder of the catalogue."""
        self.home = home
        self._reading = reading
        self._writing = writing

    # Accounts

    def accounts(self) -> list[Account]:
        """Return all, by name."""
        with self._reading() as session:
            rows = session.execute(_accounts().order_by(AccountRow.name_key))
            return [Account(*row) for row in rows]

    def account(self, account_id: int) -> Account | None:
        """Return one by id."""
        with self._reading() as session:
            return _account(session, AccountRow.id == account_id)

    def by_name(self, name: str) -> tuple[Account, str] | None:
        """Return the account of a name and its password hash, or None."""
        with self._reading() as session:
            account = _account(session, AccountRow.name_key == name_key(name))
            if account is None:
                return None
            return account, session.get_one(AccountRow, account.id).password_hash

    def add(
        self, name: str, password_hash: str, role: Role, at: int, *, listener: str | None = None
    ) -> Account:
        """Create an account.

        `listener` names the listener it gets; with None a new one is created with its name.
        Raises AccountError for an invalid name, or one taken by an account or a listener.
        """
        name = name.strip()
        if not (is_name(name, LONGEST_ACCOUNT_NAME) and name.isprintable()):
            raise AccountError(
                f"An account's name has 1 to {LONGEST_ACCOUNT_NAME} printable characters."
            )
        with self._writing() as session:
            listening_state(session, lock=True)
            if _account(session, AccountRow.name_key == name_key(name)):
                raise AccountError(f"There is an account {name} already: choose another name.")
            listener_id = _listener_for_account(session, name, listener)
            last = session.scalar(select(func.max(AccountRow.id))) or 0
            row = AccountRow(
                id=last + 1,
                name=name,
                name_key=name_key(name),
                password_hash=password_hash,
                role=role,
                created_at=at,
                listener_id=listener_id,
            )
            session.add(row)
            session.flush()
            return _existing_account(session, row.id)

    def remove(self, account_id: int) -> None:
        """Remove an account with its sessions and keys; its listener stays.

        Raises AccountError for an unknown one, and for the last owner.
        """
        with self._writing() as session:
            listening_state(session, lock=True)
            account = _existing_account(session, account_id)
            _check_not_last_owner(session, account)
            for table in (SessionRow, ApiKeyRow):
                session.execute(delete(table).where(table.account_id == account_id))
            session.execute(delete(AccountRow).where(AccountRow.id == account_id))

    def set_role(self, account_id: int, role: Role) -> None:
        """Set the role. Raises AccountError for an unknown account, and for the last owner."""
        with self._writing() as session:
            listening_state(session, lock=True)
            account = _existing_account(session, account_id)
            if role == "member":
                _check_not_last_owner(session, account)
            session.get_one(AccountRow, account_id).role = role

    def set_password(self, account_id: int, password_hash: str) -> None:
        """Change the password hash. Raises AccountError for an unknown account."""
        with self._writing() as session:
            _existing_account(session, account_id)
            session.get_one(AccountRow, account_id).password_hash = password_hash

    # Histories

    def unclaimed(self) -> list[Listener]:
        """Return the listeners that are no account's, most listens first."""
        with self._reading() as session:
            claimed = set(session.scalars(select(AccountRow.listener_id)))
            found = [one for one in listens.listeners(session) if one.id not in claimed]
        return sorted(found, key=lambda one: -one.n_listens)

    def n_unclaimed(self, but: str) -> int:
        """Return how many listeners with listens are no account's and not called `but`."""
        played = (
            exists().where(table.listener_id == ListenerRow.id)
            for table in (listens.ListenRow, listens.PlayCountRow)
        )
        query = select(func.count()).where(
            ListenerRow.name != but,
            ListenerRow.id.not_in(select(AccountRow.listener_id)),
            or_(*played),
        )
        with self._reading() as session:
            return session.scalar(query) or 0

    def claim(self, listener: str, into: int) -> Listener:
        """Give a listener's history to the one with the id `into`; return it as it is now.

        Both are one from then on. Raises AccountError where the history is an account's or there is
        none, KeyError for an unknown `into`.
        """
        with self._writing() as session:
            listening_state(session, lock=True)
            found = listens.listener(session, listener)
            if found is None or found.id == into:
                raise AccountError(f"There is no history of {listener} that is not yours already.")
            taken = _account(session, AccountRow.listener_id == found.id)
            if taken:
                raise AccountError(f"The history of {listener} is that of {taken.name}.")
            name = session.get_one(ListenerRow, into).name
            joining.join(session, found.id, into)
            joined = listens.listener(session, name)
            if joined is None:
                raise KeyError(into)
            return joined

    # Sessions

    def open_session(self, account_id: int, token_hash: bytes, at: int, expires_at: int) -> None:
        """Insert a session, and delete those that have expired.

        Raises AccountError for an unknown account.
        """
        with self._writing() as session:
            _existing_account(session, account_id)
            session.execute(delete(SessionRow).where(SessionRow.expires_at <= at))
            session.add(
                SessionRow(token_hash=token_hash, account_id=account_id, expires_at=expires_at)
            )

    def of_session(self, token_hash: bytes, at: int) -> Account | None:
        """Return the account of a session, None for an expired or unknown one."""
        with self._reading() as session:
            row = session.get(SessionRow, token_hash)
            if row is None or row.expires_at <= at:
                return None
            return _account(session, AccountRow.id == row.account_id)

    def end_session(self, token_hash: bytes) -> None:
        """Delete one session."""
        with self._writing() as session:
            session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))

    def end_sessions(self, account_id: int, *, but: bytes | None = None) -> None:
        """Delete all sessions of an account, but for the session `but`."""
        ended = delete(SessionRow).where(SessionRow.account_id == account_id)
        with self._writing() as session:
            session.execute(ended if but is None else ended.where(SessionRow.token_hash != but))

    # Keys

    def keys(self, account_id: int) -> list[ApiKey]:
        """Return an account's keys, oldest first."""
        query = select(*_KEY_COLUMNS).where(ApiKeyRow.account_id == account_id)
        with self._reading() as session:
            return [ApiKey(*fields) for fields in session.execute(query.order_by(ApiKeyRow.id))]

    def add_key(
        self,
        account_id: int,
        name: str,
        prefix: str,
        key_hash: bytes,
        at: int,
        *,
        kind: KeyKind = "key",
        secret: bytes | None = None,
    ) -> ApiKey:
        """Insert a key. Raises AccountError for an unknown account or an invalid name.

        `secret` is what has to be known of it, encrypted: see `ApiKeyRow`.
        """
        name = name.strip()
        if not (is_name(name, LONGEST_KEY_NAME) and name.isprintable()):
            raise AccountError(f"A key's name has 1 to {LONGEST_KEY_NAME} printable characters.")
        with self._writing() as session:
            listening_state(session, lock=True)
            _existing_account(session, account_id)
            number = (session.scalar(select(func.max(ApiKeyRow.id))) or 0) + 1
            session.add(
                ApiKeyRow(
                    id=number,
                    account_id=account_id,
                    name=name,
                    prefix=prefix,
                    key_hash=key_hash,
                    created_at=at,
                    kind=kind,
                    secret=secret,
                )
            )
        return ApiKey(number, name, prefix, at, None, kind)

    def of_key(self, key_hash: bytes, at: int, kind: KeyKind = "key") -> Account | None:
        """Return the account of a key, None for a revoked or unknown one; note when it was used."""
        found = self._used(key_hash, at, kind)
        return found[0] if found is not None else None

    def of_link(self, key_hash: bytes, at: int) -> tuple[Account, bytes] | None:
        """Return the account of a link and its list, encrypted, or None; note when it was used."""
        found = self._used(key_hash, at, "link")
        return None if found is None or found[1] is None else (found[0], found[1])

    def _used(self, key_hash: bytes, at: int, kind: KeyKind) -> tuple[Account, bytes | None] | None:
        """Return the account and the secret of a key; note when it was used."""
        with self._reading() as session:
            row = session.scalar(
                select(ApiKeyRow).where(ApiKeyRow.key_hash == key_hash, ApiKeyRow.kind == kind)
            )
            if row is None:
                return None
            account = _account(session, AccountRow.id == row.account_id)
            number, used_at, secret = row.id, row.last_used_at, row.secret
        self.note_use(number, used_at, at)
        return None if account is None else (account, secret)

    def secrets(self, account_id: int) -> list[tuple[int, int | None, bytes]]:
        """Return number, last use and encrypted secret of an account's application passwords."""
        query = select(ApiKeyRow.id, ApiKeyRow.last_used_at, ApiKeyRow.secret).where(
            ApiKeyRow.account_id == account_id, ApiKeyRow.kind == "password"
        )
        with self._reading() as session:
            return [(n, used, secret) for n, used, secret in session.execute(query) if secret]

    def has_passwords(self) -> bool:
        """Say whether anybody has an application password."""
        query = select(func.count()).where(ApiKeyRow.kind == "password")
        with self._reading() as session:
            return bool(session.scalar(query))

    def note_use(self, key_id: int, used_at: int | None, at: int) -> None:
        """Note when a key was used, once an hour; it is good where nothing can be written, too."""
        if used_at is not None and at - used_at < USED_EVERY:
            return
        with suppress(CatalogError), self._writing() as session:
            if (row := session.get(ApiKeyRow, key_id)) is not None:
                row.last_used_at = at

    def revoke_key(self, account_id: int, key_id: int) -> None:
        """Delete a key. Raises AccountError where the account has no such key."""
        gone = delete(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.account_id == account_id)
        with self._writing() as session:
            if not session.execute(gone.returning(ApiKeyRow.id)).all():
                raise AccountError(f"There is no key {key_id}: it may be revoked already.")


_KEY_COLUMNS = (
    ApiKeyRow.id,
    ApiKeyRow.name,
    ApiKeyRow.prefix,
    ApiKeyRow.created_at,
    ApiKeyRow.last_used_at,
    ApiKeyRow.kind,
)


def _accounts() -> Select[int, str, Role, int, int, str]:
    return select(
        AccountRow.id,
        AccountRow.name,
        AccountRow.role,
        AccountRow.created_at,
        AccountRow.listener_id,
        ListenerRow.name,
    ).join(ListenerRow, ListenerRow.id == AccountRow.listener_id)


def _account(session: Session, where: Any) -> Account | None:
    row = session.execute(_accounts().where(where)).first()
    return None if row is None else Account(*row)


def _existing_account(session: Session, account_id: int) -> Account:
    account = _account(session, AccountRow.id == account_id)
    if account is None:
        raise AccountError(f"There is no account {account_id}: it may be removed already.")
    return account


def _check_not_last_owner(session: Session, account: Account) -> None:
    """Raise AccountError for the last owner."""
    owners = select(func.count()).select_from(AccountRow).where(AccountRow.role == "owner")
    if account.role == "owner" and session.scalar(owners) == 1:
        raise AccountError(f"{account.name} is the last owner: make somebody else one first.")


def _listener_for_account(session: Session, name: str, listener: str | None) -> int:
    """Return the id of the listener of a new account; a new listener is inserted."""
    if listener is None and listens.listener(session, name):
        raise AccountError(
            f"There is a listening history of {name} already, which may be somebody else's: "
            f"give it to the account (--listener), or choose another name."
        )
    if listener is not None and not is_name(listener):
        raise AccountError("A listener's name has 1 to 200 characters.")
    wanted = listener or name
    listener_id = listens.ensure_ids(session, [wanted])[wanted]
    taken = _account(session, AccountRow.listener_id == listener_id)
    if taken:
        raise AccountError(f"The listening history of {wanted} is that of {taken.name} already.")
    return listener_id
