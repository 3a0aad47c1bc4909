"""Playlists that renew themselves: their questions, what their last lists held, who renews now.

Nothing renews itself yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "renewals",
        sa.Column("playlist_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("every", sa.Text, nullable=False),
        sa.Column("stay", sa.Integer, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("folder", sa.LargeBinary),
        sa.Column("relative", sa.Boolean, nullable=False),
        sa.Column("exported", sa.LargeBinary),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("renewed_at", sa.BigInteger),
        sa.Column("sentences", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("playlist_id", name="pk_renewals"),
        sa.ForeignKeyConstraint(["playlist_id"], ["playlists.id"], name="fk_renewals_playlist_id"),
    )
    op.create_table(
        "renewed_tracks",
        sa.Column("playlist_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("recording_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("playlist_id", "number", "recording_id", name="pk_renewed_tracks"),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["renewals.playlist_id"], name="fk_renewed_tracks_playlist_id"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.id"], name="fk_renewed_tracks_recording_id"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
