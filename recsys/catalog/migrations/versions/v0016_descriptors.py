"""Tempo, key and loudness estimated from audio, and the key that a file's tags name.

The next build opens every file once more to read that tag, and estimates what is missing; what
taggers found is kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the table, add the column, and forget how the files looked when they were opened."""
    op.create_table(
        "descriptors",
        sa.Column("audio_hash", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("bpm", sa.Double),
        sa.Column("key", sa.Text),
        sa.Column("loudness", sa.Double),
        sa.PrimaryKeyConstraint("audio_hash", name="pk_descriptors"),
    )
    op.add_column("tracks", sa.Column("initial_key", sa.Text))
    op.execute("UPDATE tracks SET mtime_ns = -1")
