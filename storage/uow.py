"""The unit of work: one transaction with everything that must become true together, rolled back unless committed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

import asyncpg
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from models.tables import AuditRecord, Base, Effect, Entity, JournalEntry, OutboxMessage
from storage.audit import Audit
from storage.clients import Clients
from storage.deals import Deals
from storage.dictionaries import Dictionaries
from storage.digest import Digest
from storage.direct import Direct
from storage.documents import Documents
from storage.engine import Database
from storage.journal import Journal
from storage.leaving import leave
from storage.money import Money
from storage.people import People
from storage.policies import Policies
from storage.reminders import Reminders
from storage.search import Search
from storage.stats import Stats
from storage.tasks import Tasks
from storage.variants import Variants


@event.listens_for(Session, "before_flush")
def _stamp(session: Session, _context: object, _instances: object) -> None:
    """Give rows the moment of the injected clock: the sandbox and the tests move it, not the database's own."""
    now = session.info.get("now")
    if now is None:
        return
    for row in session.new:
        if isinstance(row, Entity):
            row.created_at = row.updated_at = now
    for row in session.dirty:
        if isinstance(row, Entity) and session.is_modified(row):
            row.updated_at = now


class Transaction:
    """A session with its repositories and the side effects that ride in the same commit."""

    def __init__(
        self,
        open_session: Callable[[], AsyncSession],
        actor_id: int | None,
        now: datetime,
        *,
        short_way: Direct | None = None,
        on_message: Callable[[], None] | None = None,
    ) -> None:
        """`short_way` is for what only reads and needs no session; without it everything is one transaction."""
        self._open_session, self._short_way, self._on_message = open_session, short_way, on_message
        self.actor_id = actor_id
        self.now = now
        # Written last: the chain of records is a lock that all transactions wait for.
        self._records: list[AuditRecord] = []
        self.messages: list[OutboxMessage] = []

    @cached_property
    def session(self) -> AsyncSession:
        """Opened when it is first asked for."""
        session = self._open_session()
        session.sync_session.info["now"] = self.now
        return session

    async def direct(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Run a statement as asyncpg does, on this transaction's own connection where there is one."""
        if self._short_way is not None:
            return await self._short_way.fetch(statement, *values)
        await self.session.flush()
        line = await (await self.session.connection()).get_raw_connection()
        assert line.driver_connection is not None  # noqa: S101 - it is checked out
        found: list[asyncpg.Record] = await line.driver_connection.fetch(statement, *values)
        return found

    async def close(self) -> None:
        """Roll back what was not committed. Not to be cut short: a connection must not go back in the middle."""
        if "session" in self.__dict__:
            await asyncio.shield(self.session.close())
        # Repositories and their transaction hold each other: a circle that only the collector would undo.
        vars(self).clear()

    @cached_property
    def people(self) -> People:
        return People(self)

    @cached_property
    def dictionaries(self) -> Dictionaries:
        return Dictionaries(self)

    @cached_property
    def clients(self) -> Clients:
        return Clients(self)

    @cached_property
    def deals(self) -> Deals:
        return Deals(self)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self)

    @cached_property
    def documents(self) -> Documents:
        return Documents(self)

    @cached_property
    def tasks(self) -> Tasks:
        return Tasks(self)

    @cached_property
    def variants(self) -> Variants:
        return Variants(self)

    @cached_property
    def policies(self) -> Policies:
        return Policies(self)

    @cached_property
    def money(self) -> Money:
        return Money(self)

    @cached_property
    def reminders(self) -> Reminders:
        return Reminders(self)

    @cached_property
    def digest(self) -> Digest:
        return Digest(self)

    @cached_property
    def search(self) -> Search:
        return Search(self)

    @cached_property
    def audit_trail(self) -> Audit:
        return Audit(self)

    @cached_property
    def stats(self) -> Stats:
        return Stats(self)

    async def add(self, row: Base) -> None:
        """Insert a row now, so that its id and server defaults are known."""
        self.session.add(row)
        await self.session.flush()

    def audit(
        self,
        action: str,
        object_type: str,
        object_id: int | None,
        *,
        deal_id: int | None = None,
        **changes: Any,
    ) -> None:
        """Record who did what; `changes` are new values, or [old, new] pairs. Never a secret."""
        self._records.append(
            AuditRecord(
                at=self.now,
                actor_id=self.actor_id,
                action=action,
                object_type=object_type,
                object_id=object_id,
                deal_id=deal_id,
                changes=changes,
            )
        )

    def event(self, deal_id: int, event: str, *, task_id: int | None = None, **params: Any) -> None:
        """Write a system event into the deal's journal; each reader sees it in his own language."""
        self.session.add(
            JournalEntry(deal_id=deal_id, author_id=self.actor_id, event=event, params=params, task_id=task_id)
        )

    def notify(
        self,
        recipient_id: int,
        kind: str,
        *,
        dedup_key: str | None = None,
        card_key: str | None = None,
        edits_card: bool = False,
        deal_id: int | None = None,
        **params: Any,
    ) -> None:
        """Queue a message to a person: what kind and about which ids; it is rendered when it is sent."""
        message = OutboxMessage(
            recipient_id=recipient_id,
            kind=kind,
            params=params,
            dedup_key=dedup_key,
            card_key=card_key,
            edits_card=edits_card,
            deal_id=deal_id,
        )
        self.messages.append(message)
        self.session.add(message)

    async def effect(self, key: str) -> tuple[bool, Any]:
        """Tell whether the effect under this key has happened, and what it returned."""
        row = (await self.session.execute(select(Effect.result).where(Effect.key == key))).one_or_none()
        return (False, None) if row is None else (True, row[0])

    def mark_effect(self, key: str, result: Any) -> None:
        self.session.add(Effect(key=key, result=result))

    async def commit(self) -> None:
        await leave(self.session, self.reminders.replanning, self._records)
        await self.session.commit()
        if self.messages and self._on_message is not None:
            self._on_message()


class Transactions:
    """Makes transactions; the only way for services to reach the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.on_message: Callable[[], None] | None = None
        """Called when messages were committed: the sender need not look for them all the time."""

    @asynccontextmanager
    async def begin(self, actor_id: int | None, now: datetime) -> AsyncIterator[Transaction]:
        """Open a transaction that is rolled back unless `commit` was reached."""
        tx = Transaction(self._database.writing, actor_id, now, on_message=self.on_message)
        try:
            yield tx
        finally:
            await tx.close()

    @asynccontextmanager
    async def read(self, actor_id: int | None, now: datetime) -> AsyncIterator[Transaction]:
        """Open an autocommit session for reading."""
        tx = Transaction(self._database.reading, actor_id, now, short_way=self._database.direct)
        try:
            yield tx
        finally:
            await tx.close()
