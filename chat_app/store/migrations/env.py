"""Runs the migrations in the transaction that store/database.py has begun.

A change of tables.py is a new file in versions/, with the next number and the one before it as
`down_revision`; a test holds what they make equal to the tables.
"""

from __future__ import annotations

from alembic import context

from chat_app.store.database import VERSIONS
from chat_app.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VERSIONS,
)
context.run_migrations()
