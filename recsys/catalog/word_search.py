"""Search of tracks by words, by the full-text index that the database keeps.

SQLite has an FTS5 table, `track_words`; PostgreSQL a table of that name with a text-search vector.
Both hold the folded words of each available track, and are written with the tracks. The database
finds tracks that have all words, as they are or as beginnings; where there is none, the words are
replaced by those of the library that are spelt nearly so, and then some of them may be missing. At
most N_CANDIDATES tracks are read, and ranked by `WordIndex`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import fuzz, process
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from recsys.catalog.base import batches
from recsys.catalog.search import MAX_QUERY, WORD_SIMILARITY, WordIndex, fold

TABLE = "track_words"
N_CANDIDATES = 300  # tracks that are ranked
MAX_WORDS = 16  # of a query
_MAX_NEAR = 8  # words of the library that stand for one that it does not have
_OFTEN = 20_000  # tracks that the words have of which some may be missing
_KEPT = 60.0  # s that the library's words are used to correct a query
_READ = 1_000_000  # tracks whose words PostgreSQL collects, 2 s; of more, these stand for all
_PER_QUERY = 500
# Scripts written without spaces: each sign is a word.
_SIGNS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)


class Words(NamedTuple):
    """What is searched for of a track."""

    id: int
    title: str
    artist: str
    other: str  # album artist, album, genres


def make_table(connection: Connection) -> None:
    """Make the table, empty."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            text(
                f"CREATE VIRTUAL TABLE {TABLE} USING fts5(title, artist, other, "
                "tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2 3')"
            )
        )
        connection.execute(
            text(f"CREATE VIRTUAL TABLE {TABLE}_found USING fts5vocab({TABLE}, 'row')")
        )
        return
    connection.execute(
        text(
            f"CREATE TABLE {TABLE} (track_id integer PRIMARY KEY, title text NOT NULL, "
            "artist text NOT NULL, other text NOT NULL, words tsvector NOT NULL)"
        )
    )
    connection.execute(text(f"CREATE INDEX ix_{TABLE}_words ON {TABLE} USING gin (words)"))
    for column in ("title", "artist"):
        connection.execute(
            text(
                f"CREATE INDEX ix_{TABLE}_{column} ON {TABLE} "
                f"(left({column}, {MAX_QUERY}) text_pattern_ops)"
            )
        )


def write(connection: Connection, tracks: Iterable[Words]) -> None:
    """Write the words of available tracks of which there are none."""
    for batch in batches(tracks, _PER_QUERY):
        rows = [_row(track) for track in batch]
        if connection.dialect.name == "sqlite":
            insert = (
                f"INSERT INTO {TABLE} (rowid, title, artist, other) "
                "VALUES (:id, :title, :artist, :other)"
            )
        else:
            insert = (
                f"INSERT INTO {TABLE} VALUES (:id, :title, :artist, :other, "
                "array_to_tsvector(CAST(:words AS text[])))"
            )
            for row in rows:
                joined = f"{row['title']} {row['artist']} {row['other']}"
                row["words"] = sorted(set(joined.split()))
        connection.execute(text(insert), rows)


def remove(connection: Connection, ids: Iterable[int]) -> None:
    """Remove the words of tracks."""
    key = "rowid" if connection.dialect.name == "sqlite" else "track_id"
    for batch in batches(ids, _PER_QUERY):
        listed = ", ".join(str(int(one)) for one in batch)
        connection.execute(text(f"DELETE FROM {TABLE} WHERE {key} IN ({listed})"))


def _row(track: Words) -> dict[str, Any]:
    artist, other = _folded(track.artist), _folded(track.other)
    return {"id": track.id, "title": _spaced(fold(track.title)), "artist": artist, "other": other}


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    """Return what several tracks after another have, folded: half the time of writing words."""
    return _spaced(fold(text))


def _spaced(folded: str) -> str:
    """Return words apart, as long as PostgreSQL takes them: a lexeme has at most 2046 bytes."""
    return " ".join(w[:MAX_QUERY] for w in _SIGNS.sub(r" \g<0> ", folded).split())


class FullTextSearch:
    """Searches one catalogue. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[list[str], Sequence[int]] = [], ()
        self._known_until = 0.0

    def search(self, session: Session, words: str, limit: int) -> list[int]:
        """Return the ids of at most `limit` tracks, best first; empty where nothing matches."""
        typed = _spaced(fold(words[:MAX_QUERY])).split()[:MAX_WORDS]
        if not typed or limit < 1:
            return []
        n = max(N_CANDIDATES, limit)
        query = _of(session)
        found = query.beginning(" ".join(typed), n) | query.with_all([[word] for word in typed], n)
        if not found:
            found = self._nearly(session, query, typed, n)
        rows = sorted(found.items())
        ranked = WordIndex((i, f"{row[1]} {row[0]}", row[2]) for i, row in rows)
        return ranked.search(" ".join(typed), limit)

    def _nearly(
        self, session: Session, query: _Query, typed: Sequence[str], n: int
    ) -> dict[int, tuple[str, str, str]]:
        """Find tracks that have words spelt nearly so, all of them or, failing that, some."""
        known, counts = self._words(session)
        near, often = [], []
        for word in typed:
            alike = process.extract(
                word, known, scorer=fuzz.ratio, score_cutoff=WORD_SIMILARITY, limit=_MAX_NEAR
            )
            near.append([word, *(name for name, _, _ in alike)])
            often.append(sum(counts[number] for _, _, number in alike))
        if found := query.with_all(near, n):
            return found
        order = np.argsort(often)  # the rarest say most, and cost least
        some = [near[i] for i in order if often[i] <= _OFTEN] or [near[order[-1]]]
        for words in some:
            found |= query.with_all([words], n)
        return found

    def _words(self, session: Session) -> tuple[list[str], Sequence[int]]:
        """Return all words of the library and how many tracks have each, now or a minute ago."""
        with self._lock:
            if time.monotonic() > self._known_until:
                rows = _of(session).all_words()
                self._known = [word for word, _ in rows], [count for _, count in rows]
                self._known_until = time.monotonic() + min(_KEPT, len(rows) / 1000)
            return self._known


class _Query:
    """Queries of SQLite's table; each finds at most n tracks: (title, artist, other) by id."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def beginning(self, phrase: str, n: int) -> dict[int, tuple[str, str, str]]:
        """Find tracks whose title or artist begins with a phrase."""
        return self._matching(f'title : ^ "{phrase}" *', n) | self._matching(
            f'artist : ^ "{phrase}" *', n
        )

    def with_all(self, words: Sequence[Sequence[str]], n: int) -> dict[int, tuple[str, str, str]]:
        """Find tracks that have one word of each list, or one that begins so."""
        each = (" OR ".join(f'"{word}" *' for word in alike) for alike in words)
        return self._matching(" AND ".join(f"({alike})" for alike in each), n)

    def all_words(self) -> list[tuple[str, int]]:
        """Return each word, and how many tracks have it."""
        rows = self._session.execute(text(f"SELECT term, doc FROM {TABLE}_found"))
        return [(word, count) for word, count in rows]

    def _matching(self, wanted: str, n: int) -> dict[int, tuple[str, str, str]]:
        return self._rows(
            f"SELECT rowid, title, artist, other FROM {TABLE} WHERE {TABLE} MATCH :wanted LIMIT :n",
            wanted=wanted,
            n=n,
        )

    def _rows(self, sql: str, **values: object) -> dict[int, tuple[str, str, str]]:
        rows = self._session.execute(text(sql), values)
        return {i: (title, artist, other) for i, title, artist, other in rows}


class _PostgresqlQuery(_Query):
    def beginning(self, phrase: str, n: int) -> dict[int, tuple[str, str, str]]:
        found: dict[int, tuple[str, str, str]] = {}
        for column in ("title", "artist"):
            found |= self._rows(
                f"SELECT track_id, title, artist, other FROM {TABLE} "
                f"WHERE left({column}, {MAX_QUERY}) LIKE :begin LIMIT :n",
                begin=f"{phrase}%",
                n=n,
            )
        return found

    def all_words(self) -> list[tuple[str, int]]:
        estimate = text(f"SELECT reltuples FROM pg_class WHERE oid = '{TABLE}'::regclass")
        share = min(1.0, _READ / max(self._session.scalar(estimate) or 0, 1))
        some = f"SELECT words FROM {TABLE} TABLESAMPLE SYSTEM ({100 * share:.6f})"
        rows = self._session.execute(text(f"SELECT word, ndoc FROM ts_stat('{some}')"))
        return [(word, round(count / share)) for word, count in rows]

    def with_all(self, words: Sequence[Sequence[str]], n: int) -> dict[int, tuple[str, str, str]]:
        each = (" | ".join(f"'{word}':*" for word in alike) for alike in words)
        return self._rows(
            f"SELECT track_id, title, artist, other FROM {TABLE} "
            "WHERE words @@ CAST(:wanted AS tsquery) LIMIT :n",
            wanted=" & ".join(f"({alike})" for alike in each),
            n=n,
        )


def _of(session: Session) -> _Query:
    sqlite = session.get_bind().dialect.name == "sqlite"
    return _Query(session) if sqlite else _PostgresqlQuery(session)
