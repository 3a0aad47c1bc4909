"""Tracks that are parts of files: albums in one file with a cue sheet.

Of the tracks that are there it is not known whether a cue sheet is inside their files: the next
build looks once, at the tags alone. Nothing is analysed anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns; a path may have several tracks from now on."""
    with op.batch_alter_table("tracks") as tracks:  # which SQLite makes anew for it
        tracks.add_column(sa.Column("part", sa.Integer, nullable=False, server_default="0"))
        tracks.add_column(sa.Column("begin", sa.Double, nullable=False, server_default="0"))
        tracks.add_column(sa.Column("cue", sa.Text))
        tracks.drop_constraint("uq_tracks_path", type_="unique")
        tracks.create_unique_constraint("uq_tracks_path", ["path", "part"])
