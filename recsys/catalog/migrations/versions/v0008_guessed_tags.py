"""Encodings of tags that do not say theirs, and which tags are guesses.

Of the tracks that are there nothing counts as a guess: `earshot build --again --reread-tags` tells.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("tracks", sa.Column("tag_encoding", sa.Text))
    op.add_column("tracks", sa.Column("guessed", sa.JSON, nullable=False, server_default="[]"))
