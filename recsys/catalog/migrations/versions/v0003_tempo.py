"""The tempo that a file's tags name.

The next build opens every file once more to read it; what is known of its audio is kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column, and forget how the files looked when they were last opened."""
    op.add_column("tracks", sa.Column("bpm", sa.Double))
    op.execute("UPDATE tracks SET mtime_ns = -1")
