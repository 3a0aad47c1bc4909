"""Run by Alembic: migrates the open connection that `database.migrate` hands over."""

from alembic import context

from recsys.catalog.base import Base
from recsys.catalog.database import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
