"""The declarative base of all tables, their column types, and the state row."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from sqlalchemy import JSON, BigInteger, Dialect, Integer, LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

TEXT_LIMIT = 1000  # characters
LONGEST_NAME = 200  # characters of what a person names: a listener, a playlist, a tag
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")  # that the path of an address begins with
_NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, lone surrogates, ends of lines

T = TypeVar("T")


def clean_text(text: str) -> str:
    """Return `text` as every database can hold it.

    Without NUL characters, with U+FFFD for lone surrogates, at most TEXT_LIMIT characters.

    >>> clean_text("Nina\\0 Simone")
    'Nina Simone'
    """
    text = text[: 2 * TEXT_LIMIT].replace("\0", "")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def is_storable(text: str) -> bool:
    """Say whether every database can hold a text: without NUL and lone surrogates.

    >>> is_storable("Nina Simone"), is_storable("Nina\\0"), is_storable("\\ud800")
    (True, False, False)
    """
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def is_name(text: str, longest: int = LONGEST_NAME) -> bool:
    """Say whether a person can write a name so: 1 to `longest` characters, on one line.

    >>> is_name("夜に"), is_name(" "), is_name("a\\nb"), is_name("a\\x9bb")
    (True, False, False, False)
    """
    return (
        bool(text.strip())
        and len(text) <= longest
        and not any(unicodedata.category(letter) in _NOT_IN_NAMES for letter in text)
    )


def one_line(text: str) -> str:
    """Return a text with a space for whatever `is_name` does not allow.

    >>> one_line("Evening\\n\\x01 songs")
    'Evening songs'
    """
    allowed = (" " if unicodedata.category(c) in _NOT_IN_NAMES else c for c in text)
    return " ".join("".join(allowed).split())


def shown(path: Path) -> str:
    """Return a path as printable text, with U+FFFD for what is not UTF-8, an address as it is.

    >>> shown(Path("/music/song.flac")), shown(Path("s3://bucket/song.flac"))
    ('/music/song.flac', 's3://bucket/song.flac')
    """
    text = os.fsencode(path).decode("utf-8", "replace")
    return text.replace("/", "//", 1) if is_address(path) else text


def is_address(path: Path) -> bool:
    """Say whether a path is an address of an object store (`recsys.library.addresses`).

    >>> is_address(Path("s3://bucket/song.flac")), is_address(Path("/music/song.flac"))
    (True, False)
    """
    return bool(path.parts) and _SCHEME.fullmatch(path.parts[0]) is not None


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut `values` into lists of `size`, the last one shorter."""
    iterator = iter(values)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


class CleanText(TypeDecorator[str]):
    """Text that passes `clean_text` on its way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean the text."""
        return None if value is None else clean_text(value)


class CleanTexts(TypeDecorator[tuple[str, ...]]):
    """Several texts, as a JSON list."""

    impl = JSON
    cache_ok = True

    def process_bind_param(
        self, value: tuple[str, ...] | None, dialect: Dialect
    ) -> list[str] | None:
        """Clean each text."""
        return None if value is None else [clean_text(text) for text in value]

    def process_result_value(
        self, value: list[str] | None, dialect: Dialect
    ) -> tuple[str, ...] | None:
        """Return a tuple."""
        return None if value is None else tuple(value)


class PathBytes(TypeDecorator[Path]):
    """A path as the file system's own bytes, so that names which are not UTF-8 survive."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> bytes | None:
        """Return the bytes of the path."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Path | None:
        """Return the path of the bytes."""
        return None if value is None else Path(os.fsdecode(value))


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way
        str: CleanText,
        Path: PathBytes,
        tuple[str, ...]: CleanTexts,
    }


class State(Base):
    """The one row of the catalogue's revisions.

    revision        rises with every change of what an index is built from
    track_revision  rises with every change of tags, presence, or of what is one recording
    last_track_id   the highest id ever assigned: ids are not used again
    """

    __tablename__ = "state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger)
    track_revision: Mapped[int] = mapped_column(BigInteger)
    last_track_id: Mapped[int] = mapped_column(Integer)


def locked_state(session: Session) -> State:
    """Return the state row, locked for this transaction: writers wait for each other."""
    return session.get_one(State, 1, with_for_update=True)
