"""The door to Postgres: one engine, a transaction for what changes, autocommit for what only reads."""

from typing import Any

import orjson
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine


def _dumps(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def async_url(url: str) -> URL:
    """Any postgres:// or postgresql:// address as one for the asyncpg driver."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+asyncpg")


class Database:
    """The engine and its two kinds of session; closed once, by whoever made it."""

    def __init__(self, url: str, *, pool_size: int = 10, application_name: str = "polisdesk") -> None:
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            connect_args={"server_settings": {"application_name": application_name, "timezone": "UTC"}},
        )
        self.writing = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)
        # A read needs no BEGIN and ROLLBACK: two round trips saved on every screen.
        self.reading = async_sessionmaker(
            self.engine.execution_options(isolation_level="AUTOCOMMIT"),
            class_=AsyncSession,
            expire_on_commit=False,
            autoflush=False,
        )

    async def close(self) -> None:
        await self.engine.dispose()
