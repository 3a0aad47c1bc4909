"""Authentication: passwords, sessions and API keys.

Passwords are stored as argon2id hashes (RFC 9106). A hash is verified for unknown names too, so
that the time of a response does not tell whether an account exists. Session tokens and API keys
are 256 random bits, of which the SHA-256 is stored.
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
_PREFIX = len(KEY_START) + 4  # characters of a key that lists show
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without similar ones


class Accounts:
    """Accounts of a home with their passwords, sessions and keys.

    `hasher` sets the cost of a password hash; a stored hash of other cost is renewed at the next
    login. Every method raises CatalogError where the database does.
    """

    def __init__(self, people: People, hasher: PasswordHasher | None = None) -> None:
        self.people = people
        self._hasher = hasher or PasswordHasher()
        self._dummy_hash = self._hasher.hash(secrets.token_hex())

    def add(
        self,
        name: str,
        *,
        role: Role = "member",
        listener: str | None = None,
        password: str | None = None,
    ) -> tuple[Account, str]:
        """Create an account, and return it with its password, a random one where none is given.

        `listener` names the listener it gets, None for a new one. Raises AccountError.
        """
        password = random_password() if password is None else password
        hashed = self._hash(name, password)
        account = self.people.add(name, hashed, role, int(time.time()), listener=listener)
        _log.info("account %d was made, %s", account.id, role)
        return account, password

    def reset_password(self, account: Account, password: str | None = None) -> str:
        """Give an account a new password and end its sessions; its keys stay. Raises AccountError.

        Returns the password, a random one where none is given.
        """
        password = random_password() if password is None else password
        self.people.set_password(account.id, self._hash(account.name, password))
        self.people.end_sessions(account.id)
        _log.info("the password of account %d was reset", account.id)
        return password

    def change_password(self, account: Account, old: str, new: str, token: str) -> None:
        """Change a password and end all sessions but that of `token`.

        Raises AccountError where the old one is wrong or the new one is not allowed.
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
        """Return the account of a session, None for an expired or unknown one."""
        return self.people.of_session(_digest(token), int(time.time()))

    def log_out(self, token: str) -> None:
        """End a session."""
        self.people.end_session(_digest(token))

    def log_out_elsewhere(self, account: Account, token: str) -> None:
        """End all sessions of an account but one."""
        self.people.end_sessions(account.id, but=_digest(token))

    # Keys

    def make_key(self, account: Account, name: str) -> tuple[ApiKey, str]:
        """Create a key and return it with its text, which is not stored. Raises AccountError."""
        text = KEY_START + secrets.token_urlsafe(32)
        key = self.people.add_key(account.id, name, text[:_PREFIX], _digest(text), int(time.time()))
        _log.info("account %d made key %d", account.id, key.id)
        return key, text

    def of_key(self, text: str) -> Account | None:
        """Return the account of a key, None for a revoked or unknown one."""
        return self.people.of_key(_digest(text), int(time.time()))

    # Passwords

    def _hash(self, name: str, password: str) -> str:
        """Return the hash of a password. Raises AccountError for one that is not allowed."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise AccountError(f"A password has {SHORTEST} to {LONGEST} characters.")
        if name_key(password) == name_key(name):
            raise AccountError("A password is not the account's name.")
        return self._hasher.hash(_bytes(password))

    def _verified(self, name: str, password: str) -> Account | None:
        """Return the account of a name and password, or None; always verifies a hash."""
        stored = self.people.by_name(name)
        account, password_hash = stored or (None, self._dummy_hash)
        if len(password) > LONGEST:
            password = ""  # no account's, and verified in the same time
        try:
            self._hasher.verify(password_hash, _bytes(password))
        except VerifyMismatchError:
            return None
        if account and self._hasher.check_needs_rehash(password_hash):
            self.people.set_password(account.id, self._hasher.hash(_bytes(password)))
        return account


def random_password() -> str:
    """Return a password of 99 random bits that is easy to type."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _bytes(password: str) -> bytes:
    """Return the bytes of a password, normalized (NFKC)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
