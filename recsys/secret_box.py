"""Encryption of what has to be known and not only checked: application passwords, lists of links.

By Fernet (AES-128-CBC and HMAC-SHA256) with a key in a file of the home, which only its owner may
read. A copy of the database alone gives nothing away.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from recsys.catalog import CatalogError
from recsys.catalog.base import shown
from recsys.catalog.database import unwritable

KEY_NAME = "application-passwords.key"


class SecretBox:
    """Encrypts and decrypts with the key of a home."""

    def __init__(self, home: Path) -> None:
        self._path = home / KEY_NAME

    def seal(self, text: str) -> bytes:
        """Encrypt a text; makes the key at the first one. Raises CatalogError where it cannot."""
        return self._fernet(create=True).encrypt(text.encode())

    def open(self, sealed: bytes) -> str | None:
        """Decrypt; None where the key is gone or is another one. Raises CatalogError."""
        try:
            return self._fernet(create=False).decrypt(sealed).decode()
        except (FileNotFoundError, InvalidToken):
            return None

    def _fernet(self, *, create: bool) -> Fernet:
        try:
            if create and not self._path.exists():
                self._write()
            return Fernet(self._path.read_bytes())
        except FileNotFoundError:
            if not create:
                raise
            raise CatalogError(f"The key {shown(self._path)} was removed: try again.") from None
        except OSError as error:
            raise unwritable(
                error, f"The key {shown(self._path)} cannot be used: {error.strerror}."
            ) from error
        except ValueError as error:
            raise CatalogError(
                f"The key {shown(self._path)} is damaged: put a sound copy in its place, or delete "
                "it and make new application passwords and links."
            ) from error

    def _write(self) -> None:
        """Write a new key, whole or not at all; one that another process has written stays."""
        temporary = self._path.with_name(f".{KEY_NAME}.{os.getpid()}.saving")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            if not self._path.exists():
                os.link(temporary, self._path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
