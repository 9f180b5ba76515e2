"""Journal entries of a deal with who wrote them: for reading, outside any session."""

from typing import Any

import asyncpg
from sqlalchemy import BigInteger, Select, func, select

from models.tables import JournalEntry, User
from storage.direct import Shape, given, ready
from storage.repository import Repository

_entry, _author = Shape(JournalEntry), Shape(User, "id", "full_name")
_DEAL, _LIMIT, _OFFSET = (given(place, BigInteger()) for place in (1, 2, 3))


def _entries() -> Select[*tuple[Any, ...]]:
    return (
        select(*_entry.columns, *_author.columns)
        .outerjoin(User, User.id == JournalEntry.author_id)
        .where(JournalEntry.deal_id == _DEAL)
    )


_NEWEST = _entries().order_by(JournalEntry.id.desc()).limit(_LIMIT)
_WRITTEN = ready(_NEWEST.where(JournalEntry.event.is_(None)))
_LATEST = ready(_NEWEST.offset(_OFFSET))
_ONE = ready(_entries().where(JournalEntry.id == given(2, BigInteger())))
_TOTAL = ready(select(func.count()).where(JournalEntry.deal_id == _DEAL))


class Journal(Repository):
    async def written(self, deal_id: int, limit: int) -> list[JournalEntry]:
        """What people wrote, newest first; what happened by itself is left out."""
        return _read(await self.direct(_WRITTEN, deal_id, limit))

    async def latest(self, deal_id: int, limit: int, offset: int = 0) -> list[JournalEntry]:
        """Entries, newest first."""
        return _read(await self.direct(_LATEST, deal_id, limit, offset))

    async def total(self, deal_id: int) -> int:
        return int((await self.direct(_TOTAL, deal_id))[0][0])

    async def get(self, deal_id: int, entry_id: int) -> JournalEntry | None:
        return next(iter(_read(await self.direct(_ONE, deal_id, entry_id))), None)


def _read(found: list[asyncpg.Record]) -> list[JournalEntry]:
    return [_entry.joined(row, author=_author) for row in found]
