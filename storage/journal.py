"""Journal entries of a deal."""

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models.tables import JournalEntry
from storage.repository import Repository


class Journal(Repository):
    async def written(self, deal_id: int, limit: int) -> list[JournalEntry]:
        """What people wrote, with who did, newest first; what happened by itself is left out."""
        return await self.many(
            select(JournalEntry)
            .where(JournalEntry.deal_id == deal_id, JournalEntry.event.is_(None))
            .options(joinedload(JournalEntry.author))
            .order_by(JournalEntry.id.desc())
            .limit(limit)
        )

    async def latest(self, deal_id: int, limit: int, offset: int = 0) -> list[JournalEntry]:
        """Entries with their authors, newest first."""
        return await self.many(
            select(JournalEntry)
            .where(JournalEntry.deal_id == deal_id)
            .options(joinedload(JournalEntry.author))
            .order_by(JournalEntry.id.desc())
            .offset(offset)
            .limit(limit)
        )

    async def total(self, deal_id: int) -> int:
        statement = select(func.count()).where(JournalEntry.deal_id == deal_id)
        return (await self.session.execute(statement)).scalar_one()

    async def get(self, deal_id: int, entry_id: int) -> JournalEntry | None:
        return await self.one(
            select(JournalEntry)
            .where(JournalEntry.deal_id == deal_id, JournalEntry.id == entry_id)
            .options(joinedload(JournalEntry.author))
        )
