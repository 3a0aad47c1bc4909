"""Encodings of tags that do not say theirs, and which tags are guesses.

Files that could not be reached are no longer kept as failed: those that are will be opened again.
Of the tracks that are there nothing counts as a guess: `earshot build --again --reread-tags` tells.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns, and let the next build open files again that could not be reached."""
    op.add_column("tracks", sa.Column("tag_encoding", sa.Text))
    op.add_column("tracks", sa.Column("guessed", sa.JSON, nullable=False, server_default="[]"))
    unreachable = "status = 'failed' AND error LIKE '%cannot be read: %'"
    op.execute(f"UPDATE tracks SET mtime_ns = -1 WHERE {unreachable}")
