"""An index of tracks by artist: an artist's page reads that artist's rows, not all.

A later migration that makes the table anew in SQLite has to make this index again: SQLAlchemy does
not see indexes by expressions there.
"""

from alembic import op
from sqlalchemy import text

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the index, of as many letters as PostgreSQL can hold of any name."""
    op.create_index("ix_tracks_artist", "tracks", [text("substr(artist, 1, 200)")])
