"""Logging people in: passwords, sessions, API keys.

Passwords are kept as argon2id hashes (RFC 9106) and checked for unknown names too, so that the
time of an answer does not say who has an account. Session tokens and API keys are 256 random bits,
which nobody can guess: of them the SHA-256 is kept.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from recsys.catalog.people import Account, AccountError, ApiKey, People, Role, name_key

_log = logging.getLogger(__name__)

SHORTEST, LONGEST = 10, 1000  # characters of a password
SESSION_SECONDS = 30 * 86_400  # from logging in
KEY_START = "earshot_"
_PREFIX = len(KEY_START) + 4  # characters of a key that are shown
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike


class Accounts:
    """The people of a home and how they prove who they are.

    `hasher` says what checking a password costs; a hash that cost less is renewed at the next
    login. Every method raises CatalogError where the database does.
    """

    def __init__(self, people: People, hasher: PasswordHasher | None = None) -> None:
        self.people = people
        self._hasher = hasher or PasswordHasher()
        self._nobodys = self._hasher.hash(secrets.token_hex())

    def add(
        self,
        name: str,
        *,
        role: Role = "member",
        listener: str | None = None,
        password: str | None = None,
    ) -> tuple[Account, str]:
        """Make an account, and return it with its password: one made here, where none is given.

        `listener` is whose history it goes on with, None for a new one. Raises AccountError.
        """
        password = made_password() if password is None else password
        hashed = self._hash(name, password)
        account = self.people.add(name, hashed, role, int(time.time()), listener=listener)
        _log.info("account %d was made, %s", account.id, role)
        return account, password

    def reset_password(self, account: Account, password: str | None = None) -> str:
        """Give an account a new password and end its sessions; its keys stay. Raises AccountError.

        Returns the password: one made here, where none is given.
        """
        password = made_password() if password is None else password
        self.people.set_password(account.id, self._hash(account.name, password))
        self.people.end_sessions(account.id)
        _log.info("the password of account %d was reset", account.id)
        return password

    def change_password(self, account: Account, old: str, new: str, token: str) -> None:
        """Change a password and end all sessions but that of `token`.

        Raises AccountError where the old one is wrong or the new one cannot be one.
        """
        if self._verified(account.name, old) is None:
            raise AccountError("The password until now is another one: nothing was changed.")
        self.people.set_password(account.id, self._hash(account.name, new))
        self.people.end_sessions(account.id, but=_digest(token))
        _log.info("account %d changed its password", account.id)

    # Sessions

    def log_in(self, name: str, password: str) -> str | None:
        """Return the token of a new session, None for an unknown name or a wrong password."""
        account = self._verified(name, password)
        if account is None:
            return None
        token, now = secrets.token_urlsafe(32), int(time.time())
        self.people.open_session(account.id, _digest(token), now, now + SESSION_SECONDS)
        return token

    def of_session(self, token: str) -> Account | None:
        """Return whose session this is."""
        return self.people.of_session(_digest(token), int(time.time()))

    def log_out(self, token: str) -> None:
        """End a session."""
        self.people.end_session(_digest(token))

    def log_out_elsewhere(self, account: Account, token: str) -> None:
        """End all sessions of an account but one."""
        self.people.end_sessions(account.id, but=_digest(token))

    # Keys

    def make_key(self, account: Account, name: str) -> tuple[ApiKey, str]:
        """Make a key, which is returned this once. Raises AccountError for what is no name."""
        text = KEY_START + secrets.token_urlsafe(32)
        key = self.people.add_key(account.id, name, text[:_PREFIX], _digest(text), int(time.time()))
        _log.info("account %d made key %d", account.id, key.id)
        return key, text

    def of_key(self, text: str) -> Account | None:
        """Return whose key this is, None where it is revoked or never was."""
        return self.people.of_key(_digest(text), int(time.time()))

    # Passwords

    def _hash(self, name: str, password: str) -> str:
        """Return the hash of what can be a password, or raise AccountError."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise AccountError(f"A password has {SHORTEST} to {LONGEST} characters.")
        if name_key(password) == name_key(name):
            raise AccountError("A password is not the account's name.")
        return self._hasher.hash(_bytes(password))

    def _verified(self, name: str, password: str) -> Account | None:
        """Return whose name and password these are; of no name too a hash is checked."""
        known = self.people.called(name)
        account, kept = known or (None, self._nobodys)
        if len(password) > LONGEST:
            password = ""  # which is nobody's, and takes as long
        try:
            self._hasher.verify(kept, _bytes(password))
        except VerifyMismatchError:
            return None
        if account and self._hasher.check_needs_rehash(kept):
            self.people.set_password(account.id, self._hasher.hash(_bytes(password)))
        return account


def made_password() -> str:
    """Make a password of 99 random bits, to be typed from paper."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _bytes(password: str) -> bytes:
    """Return a password's bytes, the same however the keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
