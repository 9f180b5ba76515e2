"""The door to Postgres: one engine, a transaction for what changes, autocommit for what only reads, the short way."""

import asyncio
from typing import Any, Final

import asyncpg
import orjson
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from storage.direct import Direct

# What asyncpg and the network say when there is no server, or none that takes us now.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
)


def _dumps(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def async_url(url: str) -> URL:
    """Any postgres:// or postgresql:// address as one for the asyncpg driver."""
    parsed = make_url(url)
    # Panels hand out libpq's word for encryption; to asyncpg's arguments it is unknown.
    query = {"ssl" if name == "sslmode" else name: value for name, value in parsed.query.items()}
    return parsed.set(drivername="postgresql+asyncpg", query=query)


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Leave a connection that has died in the pool: another is opened. It costs no round trip to see that."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


TOLD: Final = {
    "timezone": "UTC",
    # What walks until it has found so many begins where the last walk ended, else: the same line would find other deals
    # each time, on pages that have to come from the disk.
    "synchronize_seqscans": "off",
}
"""What every connection tells Postgres."""


class Database:
    """The engine and its two kinds of session; closed once, by whoever made it."""

    def __init__(
        self, url: str, *, pool_size: int = 10, application_name: str = "polisdesk", role: str | None = None
    ) -> None:
        # From the first word and not by SET: a RESET comes back to it.
        told = {"application_name": application_name, **TOLD} | ({} if role is None else {"role": role})
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            # Each connection comes to hold every statement of the bot (70 × 11 kB), planned for it alone: few are
            # opened, and whoever finds none free waits some milliseconds. They are taken in turn: of those that only
            # a crowd needs memory would grow all day.
            pool_size=pool_size,
            max_overflow=0,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            hide_parameters=True,  # an error that is logged or kept tells the statement, not whose data it was about
            connect_args={"server_settings": told},
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        self.direct = Direct(self.url, pool_size, told)
        self.writing = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)
        # A read needs no BEGIN and ROLLBACK: two round trips saved on every screen.
        self.reading = async_sessionmaker(
            self.engine.execution_options(isolation_level="AUTOCOMMIT"),
            class_=AsyncSession,
            expire_on_commit=False,
            autoflush=False,
        )

    @property
    def url(self) -> str:
        """The address for what speaks to Postgres past the engine, in libpq's words."""
        parsed = self.engine.url
        query = {"sslmode" if name == "ssl" else name: value for name, value in parsed.query.items()}
        return parsed.set(drivername="postgresql", query=query).render_as_string(hide_password=False)

    async def answers(self) -> bool:
        """Whether the database is there, asked over a fresh or a living connection."""
        try:
            async with asyncio.timeout(5), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:
            if is_outage(error):
                return False
            raise
        return True

    async def revision(self) -> str | None:
        """The migration that the database is at."""
        async with self.engine.connect() as connection:
            value = await connection.scalar(text("SELECT min(version_num) FROM alembic_version"))
        return None if value is None else str(value)

    async def close(self) -> None:
        await self.direct.close()
        await self.engine.dispose()


def is_outage(error: BaseException) -> bool:
    """Whether the database is away (or was cut off in the middle), as opposed to having refused a statement."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error.orig, OSError):
            return True
        cause = getattr(error.orig, "__cause__", None)
        return isinstance(cause, _AWAY)
    return isinstance(error, (*_AWAY, PoolTimeout))
