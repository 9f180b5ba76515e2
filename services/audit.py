"""Who did what: the audit records, filtered and verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from models.tables import AuditRecord
from services.access import ADMINS, Actor, Service, query
from storage.audit import Chain, Head, Trail
from storage.uow import Transaction

PAGE = 8
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A record with what its ids are called; no name means the clock, or somebody before he was known."""

    record: AuditRecord
    actor: str | None
    deal_number: int | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of records, the newest first; `names` is what the people in them are called."""

    rows: list[AuditLine]
    total: int
    names: dict[int, str]


class AuditService(Service):
    """What an admin looks up about the past."""

    @query(ADMINS)
    async def page(
        self,
        tx: Transaction,
        actor: Actor,
        page: int = 0,
        *,
        person_id: int | None = None,
        deal_number: int | None = None,
        day: date | None = None,
        size: int = PAGE,
    ) -> AuditPage:
        """Records of a person, of a deal, of a day (the actor's), or of all of these together."""
        since = None if day is None else datetime.combine(day, time(), actor.zone).astimezone(UTC)
        until = None if day is None else datetime.combine(day + timedelta(days=1), time(), actor.zone).astimezone(UTC)
        rows, total = await tx.audit_trail.page(Trail(person_id, deal_number, since, until), page * size, size)
        mentioned = _numbers(
            [
                person_id,
                *([record.actor_id, record.object_id, record.changes] for record, _number in rows),
            ]
        )
        names = await tx.people.names(mentioned)
        found = [AuditLine(record, names.get(record.actor_id or 0), number) for record, number in rows]
        return AuditPage(found, total, names)

    @query(ADMINS)
    async def verify(self, tx: Transaction, actor: Actor, kept: Sequence[Head] = ()) -> Chain:  # noqa: ARG002
        """Walk the chain of all records from the first one, and through the heads that were kept elsewhere."""
        return await tx.audit_trail.check_chain(kept)

    @query(ADMINS)
    async def head(self, tx: Transaction, actor: Actor) -> Head | None:  # noqa: ARG002
        """What the chain ends in now; kept outside of the database it tells later that nothing was cut off."""
        return await tx.audit_trail.head()


def _numbers(value: Any) -> set[int]:
    """Every number that can be a person's id: in which fields these are is for screens to say."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(_numbers, value))
    return {value} if isinstance(value, int) and 0 < value <= LARGEST_ID else set()
