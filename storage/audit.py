"""Audit records: read by filters, and the whole chain checked in one pass."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, text

from models.tables import AuditRecord, Deal
from storage.repository import Repository

# The same words as the trigger of migration 0001 joins, so that the hash comes out the same.
CHAIN = text(
    """
    WITH chain AS (
        SELECT id, previous_hash, hash, lag(hash) OVER (ORDER BY id) AS before,
            sha256(coalesce(previous_hash, ''::bytea) || convert_to(concat_ws('|', id, to_char(at AT TIME ZONE 'UTC',
                'YYYY-MM-DD HH24:MI:SS.US'), actor_id, action, object_type, object_id, deal_id, changes::text), 'UTF8'))
                AS expected
        FROM audit_records
    )
    SELECT count(*), min(id) FILTER (WHERE previous_hash IS DISTINCT FROM before OR hash IS DISTINCT FROM expected)
    FROM chain
    """
)


@dataclass(frozen=True, slots=True)
class Trail:
    """Whose records are wanted: of a person, of a deal, between two moments; None asks for any."""

    actor_id: int | None = None
    deal_number: int | None = None
    since: datetime | None = None
    until: datetime | None = None


class Audit(Repository):
    async def page(self, trail: Trail, offset: int, limit: int) -> tuple[list[tuple[AuditRecord, int | None]], int]:
        """Records with the numbers of their deals, the newest first, a page of them, and how many there are."""
        base = _filtered(trail)
        rows = await self.session.execute(
            base.add_columns(Deal.number).order_by(AuditRecord.id.desc()).offset(offset).limit(limit)
        )
        return [(record, number) for record, number in rows.all()], await self.count(
            base.with_only_columns(AuditRecord.id)
        )

    async def check_chain(self) -> tuple[int, int | None]:
        """How many records there are, and the first that is not what it was when it was written, or has lost its
        neighbour.
        """
        row = (await self.session.execute(CHAIN)).one()
        return int(row[0]), row[1]


def _filtered(trail: Trail) -> Select[AuditRecord]:
    found = select(AuditRecord).outerjoin(Deal, Deal.id == AuditRecord.deal_id)
    if trail.actor_id is not None:
        found = found.where(AuditRecord.actor_id == trail.actor_id)
    if trail.deal_number is not None:
        found = found.where(Deal.number == trail.deal_number)
    if trail.since is not None:
        found = found.where(AuditRecord.at >= trail.since)
    if trail.until is not None:
        found = found.where(AuditRecord.at < trail.until)
    return found
