"""Authentication: passwords, sessions, API keys, application passwords and links of players.

Passwords are stored as argon2id hashes (RFC 9106). A hash is verified for unknown names too, so
that the time of a response does not tell whether an account exists. Session tokens and API keys
are 256 random bits, of which the SHA-256 is stored. An application password is 128 random bits; it
is stored encrypted too, because players may prove it as md5(password + salt). The token of a link
is 128 random bits, of which the SHA-256 is stored, with the list that it opens in encrypted form.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from recsys.catalog.people import (
    Account,
    AccountError,
    ApiKey,
    KeyKind,
    People,
    Role,
    name_key,
)
from recsys.secret_box import SecretBox

_log = logging.getLogger(__name__)

SHORTEST, LONGEST = 10, 1000  # characters of a password
SESSION_SECONDS = 30 * 86_400  # from logging in
KEY_START = "earshot_"
_PREFIX = len(KEY_START) + 4  # characters of a key that lists show
_SHOWN = 4  # of an application password, and of a link
_MOST_KNOWN = 1000  # passwords whose check is remembered
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
        self._box = SecretBox(people.home)
        self._memory_key = secrets.token_bytes(32)
        self._checked: dict[bytes, tuple[str, bool]] = {}
        self._checking = threading.Lock()

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
            raise AccountError("The current password is wrong: nothing was changed.")
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

    def of_key(self, text: str, kind: KeyKind = "key") -> Account | None:
        """Return the account of a key, None for a revoked or unknown one."""
        return self.people.of_key(_digest(text), int(time.time()), kind)

    # Links

    def make_link(self, account: Account, name: str, address: str) -> tuple[ApiKey, str]:
        """Create a link to the list of `address` and return it with its token, which is not stored.

        Raises AccountError, CatalogError.
        """
        text = secrets.token_urlsafe(16)
        return self._add_key(account, name, text, "link", address), text

    def of_link(self, token: str) -> tuple[Account, str] | None:
        """Return the account of a link and the address of its list; None for an unknown one."""
        found = self.people.of_link(_digest(token), int(time.time()))
        if found is None:
            return None
        account, sealed = found
        address = self._box.open(sealed)
        if address is None:
            _log.error("a link of account %d: its key is gone or another one", account.id)
            return None
        return account, address

    # Application passwords

    def make_application_password(self, account: Account, name: str) -> tuple[ApiKey, str]:
        """Create a password for one player. Raises AccountError, CatalogError."""
        text = secrets.token_hex(16)
        return self._add_key(account, name, text, "password", text), text

    def _add_key(
        self, account: Account, name: str, text: str, kind: KeyKind, content: str
    ) -> ApiKey:
        """Store a key's digest, and `content` encrypted. Raises AccountError, CatalogError."""
        key = self.people.add_key(
            account.id,
            name,
            text[:_SHOWN],
            _digest(text),
            int(time.time()),
            kind=kind,
            secret=self._box.seal(content),
        )
        _log.info("account %d made %s %d", account.id, kind, key.id)
        return key

    def of_application_password(self, name: str, text: str) -> Account | None:
        """Return the account of a name and one of its application passwords, or None."""
        found = self.people.of_key(_digest(text), int(time.time()), "password")
        return found if found is not None and name_key(found.name) == name_key(name) else None

    def of_salted(self, name: str, token: str, salt: str) -> Account | None:
        """Return the account of a name and md5(application password + salt) in hex, or None."""
        stored = self.people.by_name(name)
        if stored is None:
            return None
        for number, used_at, sealed in self.people.secrets(stored[0].id):
            text = self._box.open(sealed)
            if text is None:
                _log.error("application password %d: its key is gone or another one", number)
                continue
            if hmac.compare_digest(salted(text, salt).encode(), token.lower().encode()):
                self.people.note_use(number, used_at, int(time.time()))
                return stored[0]
        return None

    # Passwords

    def remembered(self, name: str, password: str) -> bool | None:
        """Say how the check of a password ended in this process, None where there was none."""
        known = self._checked.get(self._memory(name, password))
        stored = self.people.by_name(name)
        if known is None or known[0] != (stored[1] if stored else ""):
            return None
        return known[1]

    def of_password(self, name: str, password: str) -> Account | None:
        """Return the account of a name and its password, or None; one check at a time.

        The result is remembered until the password changes: players send it with every request.
        """
        with self._checking:
            known = self.remembered(name, password)
            if known is None:
                account = self._verified(name, password)
                stored = self.people.by_name(name)
                if len(self._checked) >= _MOST_KNOWN:
                    self._checked.clear()
                key = self._memory(name, password)
                self._checked[key] = (stored[1] if stored else "", account is not None)
                return account
        stored = self.people.by_name(name) if known else None
        return stored[0] if stored else None

    def _memory(self, name: str, password: str) -> bytes:
        """Return what a password is remembered by, which only this process can make."""
        text = f"{name_key(name)}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._memory_key, text, "sha256")

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


def salted(password: str, salt: str) -> str:
    """Return md5(password + salt) in hex, as Subsonic's protocol has it.

    >>> salted("sesame", "c19b2d")
    '26719a1196d2a940705a59634eb18eab'
    """
    text = f"{password}{salt}".encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _bytes(password: str) -> bytes:
    """Return the bytes of a password, normalized (NFKC)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
