"""The words of the tracks, indexed by the database: they were read by each process before."""

import json
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from recsys.catalog import word_search

revision = "0013"
down_revision = "0012"

_WORDS = (
    "SELECT id, title, artist, album_artist, album, genres FROM tracks WHERE removed_at IS NULL"
)


def upgrade() -> None:
    """Make the table, and index what is there."""
    connection = op.get_bind()
    word_search.make_table(connection)

    def tracks() -> Iterator[word_search.Words]:
        rows = connection.execute(sa.text(f"{_WORDS} ORDER BY id")).all()
        for track_id, title, artist, album_artist, album, genres in rows:
            listed = json.loads(genres) if isinstance(genres, str) else genres or []
            other = " ".join((album_artist or "", album or "", *listed))
            yield word_search.Words(track_id, title, artist, other)

    word_search.write(connection, tracks())
