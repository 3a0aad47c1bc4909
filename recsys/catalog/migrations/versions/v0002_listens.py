"""The listeners, what they listened to, and what they say of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    state = op.create_table(
        "listening_state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("matched_recording_id", sa.Integer, nullable=False),
        sa.Column("matched_revision", sa.BigInteger, nullable=False),
        sa.Column("matched_track_revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_listening_state"),
    )
    first = {"id": 1, "revision": 0, "matched_recording_id": 0}
    op.bulk_insert(state, [first | {"matched_revision": 0, "matched_track_revision": 0}])
    op.create_table(
        "listeners",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_listeners"),
        sa.UniqueConstraint("name", name="uq_listeners_name"),
    )
    op.create_table(
        "recordings",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("artist", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("album", sa.Text, nullable=False),
        sa.Column("duration", sa.Double),
        sa.Column("mbid", sa.Text),
        sa.Column("isrc", sa.Text),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("mapped_mbid", sa.Text),
        sa.Column("track_id", sa.Integer),
        sa.Column("rung", sa.Text),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name="fk_recordings_track_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.UniqueConstraint("key", name="uq_recordings_key"),
    )
    op.create_index("ix_recordings_item", "recordings", ["item"])
    op.create_index("ix_recordings_track_id", "recordings", ["track_id"])
    for name, columns, key in (
        ("listens", (_integer("listened_at"), _recording()), ("listened_at", "recording_id")),
        ("play_counts", (_recording(), _integer("count")), ("recording_id",)),
        ("feedback", (_recording(), sa.Column("kind", sa.Text), _integer("at")), ("recording_id",)),
    ):
        op.create_table(
            name,
            sa.Column("listener_id", sa.Integer, nullable=False),
            *columns,
            sa.ForeignKeyConstraint(
                ["listener_id"], ["listeners.id"], name=f"fk_{name}_listener_id"
            ),
            sa.ForeignKeyConstraint(
                ["recording_id"], ["recordings.id"], name=f"fk_{name}_recording_id"
            ),
            sa.PrimaryKeyConstraint("listener_id", *key, name=f"pk_{name}"),
            sqlite_with_rowid=False,
        )


def _integer(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False)


def _recording() -> "sa.Column[int]":
    return sa.Column("recording_id", sa.Integer, nullable=False)
