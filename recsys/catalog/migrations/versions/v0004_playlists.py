"""The playlists that listeners keep."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "playlists",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("listener_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["listener_id"], ["listeners.id"], name="fk_playlists_listener_id"),
        sa.PrimaryKeyConstraint("id", name="pk_playlists"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_playlists_listener_id", "playlists", ["listener_id"])
    op.create_table(
        "playlist_entries",
        sa.Column("playlist_id", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("recording_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlists.id"], name="fk_playlist_entries_playlist_id"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.id"], name="fk_playlist_entries_recording_id"
        ),
        sa.PrimaryKeyConstraint("playlist_id", "place", name="pk_playlist_entries"),
        sqlite_with_rowid=False,
    )
