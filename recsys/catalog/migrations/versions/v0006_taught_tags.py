"""The tags that listeners teach, by examples."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tag_examples",
        sa.Column("listener_id", sa.Integer, nullable=False),
        sa.Column("tag_key", sa.Text, nullable=False),
        sa.Column("recording_id", sa.Integer, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("fits", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name="fk_tag_examples_listener_id"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.id"], name="fk_tag_examples_recording_id"
        ),
        sa.PrimaryKeyConstraint("listener_id", "tag_key", "recording_id", name="pk_tag_examples"),
        sqlite_with_rowid=False,
    )
