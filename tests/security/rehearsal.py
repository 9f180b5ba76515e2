"""Service calls that leave no trace: each in a transaction that is undone; whether it would have changed anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, async_sessionmaker

from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.registry import Services
from services.rules.reading import Unreadable
from storage.engine import Database
from storage.uow import Transactions
from tests.services.conftest import Agency, FilesInMemory

QUEUES = {"inbox", "outbox", "effects", "dialog_state", "alembic_version"}


@dataclass
class Outcome:
    """How a call ended: told, done (something has changed), or the kind of its refusal; and what it answered."""

    how: str
    answer: Any = None


class Rehearsal:
    def __init__(self, agency: Agency, connection: AsyncConnection, fingerprint: str) -> None:
        self._agency, self._connection, self._fingerprint = agency, connection, fingerprint
        self.before = ""

    async def contents(self) -> str:
        return str(await self._connection.scalar(text(self._fingerprint)))

    async def call(self, service: str, name: str, /, *given: Any, **more: Any) -> Outcome:
        """Call a method of a service as if for real; nothing of it stays."""
        sessions = async_sessionmaker(
            self._connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        kept, files = self._agency.database, FilesInMemory()
        files.kept = dict(self._agency.files.kept)
        database = cast("Database", SimpleNamespace(writing=sessions, reading=kept.reading, direct=kept.direct))
        services = Services.build(Transactions(database), self._agency.clock, files)
        outer = await self._connection.begin()
        try:
            answer = await getattr(getattr(services, service), name)(*given, **more)
        except (Forbidden, NotFound, Invalid, AlreadyDone, Unreadable) as refusal:
            kind = (
                "absent"
                if isinstance(refusal, NotFound)
                else "forbidden"
                if isinstance(refusal, Forbidden)
                else "refused"
            )
            outcome = Outcome(kind, f"{type(refusal).__name__} {getattr(refusal, 'msgid', '')}")
        else:
            outcome = Outcome("done" if await self.contents() != self.before else "told", answer)
        finally:
            await outer.rollback()
        return outcome


@asynccontextmanager
async def rehearsing(agency: Agency) -> AsyncIterator[Rehearsal]:
    """Over the agency as it is now; at the end it must be as it was."""
    names = await agency.rows_of("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    digest = "(SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {} t)"
    whole = " || '/' || ".join(digest.format(name) for name in names if name not in QUEUES)
    async with agency.database.engine.connect() as connection:
        rehearsal = Rehearsal(agency, connection, f"SELECT md5({whole})")
        rehearsal.before = await rehearsal.contents()
        await connection.rollback()
        yield rehearsal
        assert await rehearsal.contents() == rehearsal.before
