"""The deal's journal: what people wrote and what happened by itself, in one order."""

from dataclasses import dataclass

from models.tables import JournalEntry
from services.access import ANYBODY, Actor, Service, command, query
from services.errors import NotFound
from services.rules.reading import clean_text
from storage.uow import Transaction

TEXT_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Entries with their authors, newest first, and how many the deal has."""

    number: int
    rows: list[JournalEntry]
    total: int


class JournalService(Service):
    """What is written down about a deal."""

    @command(ANYBODY)
    async def add(self, tx: Transaction, actor: Actor, deal_id: int, text: str) -> int:
        """Write a person's words into the journal. Raises NotFound, Unreadable (empty, or too long)."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        entry = JournalEntry(deal_id=deal_id, author_id=actor.user_id, text=clean_text(text, TEXT_LIMIT))
        await tx.add(entry)
        tx.audit("journal.added", "journal_entry", entry.id, deal_id=deal_id, length=len(entry.text))
        return entry.id

    @query(ANYBODY)
    async def page(self, tx: Transaction, actor: Actor, deal_id: int, offset: int, limit: int) -> JournalPage:
        """A page of the journal. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        total = await tx.journal.total(deal_id)
        return JournalPage(deal.number, await tx.journal.latest(deal_id, limit, offset), total)

    @query(ANYBODY)
    async def get(self, tx: Transaction, actor: Actor, deal_id: int, entry_id: int) -> JournalEntry:
        """One entry with its author, to be read in full. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        entry = await tx.journal.get(deal_id, entry_id) if deal is not None else None
        if entry is None:
            raise NotFound
        return entry
