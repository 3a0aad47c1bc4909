"""The tracks and their features."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    state = op.create_table(
        "state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("track_revision", sa.BigInteger, nullable=False),
        sa.Column("last_track_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state"),
    )
    op.bulk_insert(state, [{"id": 1, "revision": 0, "track_revision": 0, "last_track_id": 0}])
    op.create_table(
        "tracks",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("removed_at", sa.BigInteger),
        sa.Column("audio_hash", sa.Text),
        sa.Column("duration", sa.Double),
        sa.Column("sample_rate", sa.Integer),
        sa.Column("channels", sa.Integer),
        sa.Column("codec", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("artist", sa.Text, nullable=False),
        sa.Column("album_artist", sa.Text),
        sa.Column("album", sa.Text),
        sa.Column("track_number", sa.Integer),
        sa.Column("disc_number", sa.Integer),
        sa.Column("year", sa.Integer),
        sa.Column("genres", sa.JSON, nullable=False),
        sa.Column("recording_mbid", sa.Text),
        sa.Column("isrc", sa.Text),
        sa.Column("has_cover", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tracks"),
        sa.UniqueConstraint("path", name="uq_tracks_path"),
    )
    op.create_index("ix_tracks_audio_hash", "tracks", ["audio_hash"])
    op.create_table(
        "features",
        sa.Column("track_id", sa.Integer, nullable=False),
        sa.Column("extractor", sa.Text, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name="fk_features_track_id"),
        sa.PrimaryKeyConstraint("track_id", "extractor", name="pk_features"),
    )
