"""Alembic's entry: runs migrations over asyncpg with the address given by the caller in `config.attributes`."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from models.tables import Base
from storage.engine import async_url


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def _over_asyncpg(url: str) -> None:
    engine = create_async_engine(async_url(url), poolclass=pool.NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


_connection = context.config.attributes.get("connection")
if _connection is not None:
    _migrate(_connection)
else:
    asyncio.run(_over_asyncpg(context.config.attributes["url"]))
