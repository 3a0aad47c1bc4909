"""Which audio was compared with which, and whether both are one recording.

Nothing is compared yet: the next build compares what is named alike.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "comparisons",
        sa.Column("one", sa.Text, nullable=False),
        sa.Column("other", sa.Text, nullable=False),
        sa.Column("same", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("one", "other", name="pk_comparisons"),
    )
