"""Compilations and releases, ratings and stars, play queues, and what players log in with.

Of the tracks that are there nothing is known of compilation and release: that means not read yet.
No file is opened anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns and make the tables."""
    op.add_column("tracks", sa.Column("compilation", sa.Boolean))
    op.add_column("tracks", sa.Column("album_mbid", sa.Text))
    op.add_column("api_keys", sa.Column("kind", sa.Text, nullable=False, server_default="key"))
    op.add_column("api_keys", sa.Column("secret", sa.LargeBinary))
    op.create_table(
        "marks",
        sa.Column("listener_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("starred_at", sa.BigInteger),
        sa.Column("rating", sa.Integer),
        sa.Column("rated_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["listener_id"], ["listeners.id"], name="fk_marks_listener_id"),
        sa.PrimaryKeyConstraint("listener_id", "kind", "item", name="pk_marks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "play_queues",
        sa.Column("listener_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("track_ids", sa.JSON, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("position_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name="fk_play_queues_listener_id"
        ),
        sa.PrimaryKeyConstraint("listener_id", name="pk_play_queues"),
    )
