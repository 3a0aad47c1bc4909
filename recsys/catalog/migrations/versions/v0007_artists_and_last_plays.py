"""Artists of a track as a list, track numbers of recordings, and the last play of a count.

Of the tracks that are there the list is empty, which means not read yet: nothing is opened anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("tracks", sa.Column("artists", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("recordings", sa.Column("track_number", sa.Integer))
    last_at = sa.Column("last_at", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("play_counts", last_at)
