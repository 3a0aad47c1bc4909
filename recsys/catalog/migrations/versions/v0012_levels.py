"""How loud tracks are over their length, for pictures in the player.

Nothing is known yet: the next build reads it, or the server where a track is played before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "levels",
        sa.Column("audio_hash", sa.Text, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("audio_hash", name="pk_levels"),
    )
