"""Audit records: read by filters, and the whole chain checked in one pass, against heads that were kept elsewhere."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Select, any_, func, select, text

from models.tables import AuditRecord, Deal
from storage.repository import Repository, far_enough, up_to

# The same words as the trigger of migration 0003 joins, and those of 0001 for what was written before it. What was
# hashed in one form cannot have a hash in the other.
CHAIN = text(
    """
    WITH chain AS (
        SELECT id, previous_hash, hash, lag(hash) OVER (ORDER BY id) AS before,
            to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS moment,
            actor_id, action, object_type, object_id, deal_id, changes
        FROM audit_records
    )
    SELECT count(*) AS records, min(id) FILTER (WHERE previous_hash IS DISTINCT FROM before OR hash IS DISTINCT FROM
            sha256(coalesce(previous_hash, ''::bytea) || convert_to(json_build_array(id, moment, actor_id, action,
                object_type, object_id, deal_id, changes)::text, 'UTF8'))
            AND hash IS DISTINCT FROM sha256(coalesce(previous_hash, ''::bytea) || convert_to(concat_ws('|', id, moment,
                actor_id, action, object_type, object_id, deal_id, changes::text), 'UTF8'))) AS first_bad,
        max(id) AS last_id, (SELECT hash FROM audit_records ORDER BY id DESC LIMIT 1) AS last_hash
    FROM chain
    """
)
HEAD = text("SELECT id, hash FROM audit_records ORDER BY id DESC LIMIT 1")
HEADS = "audit-heads.txt"
"""Where the heads of the chain are kept outside of the database, one a night, in the folder of the backups."""


@dataclass(frozen=True, slots=True)
class Head:
    """The record that the chain ended in at some moment; written `12:9f…` wherever it is kept."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"

    @classmethod
    def read(cls, text: str) -> "Head":
        """Raises ValueError for anything else than what `str` has made."""
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
        if found is None:
            raise ValueError(f"«{text}» is no head of a chain: it looks like 12:9f… with 64 letters and digits")
        return cls(int(found[1]), bytes.fromhex(found[2]))


@dataclass(frozen=True, slots=True)
class Chain:
    """What came out of walking all records; `unmet` is the oldest kept head that they do not lead through."""

    records: int
    first_bad: int | None
    head: Head | None
    unmet: Head | None = None

    @property
    def trouble(self) -> str | None:
        """Where the first record is that is not as it was written; None when the chain is whole."""
        if self.first_bad is not None:
            return f"broken at record {self.first_bad}: it was changed, put in or moved, or the one before is gone"
        if self.unmet is None:
            return None
        last = self.head.id if self.head else 0
        if self.unmet.id > last:
            return f"cut off after record {last}: it had come to {self.unmet.id}"
        return f"another one than was kept: up to record {self.unmet.id} it was written anew"


def keep_head(file: Path, moment: datetime, head: Head) -> None:
    """Add a head to those that are kept."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as kept:
        kept.write(f"{moment:%Y-%m-%dT%H:%M:%SZ} {head}\n")


def kept_heads(file: Path) -> list[Head]:
    """The heads that are kept, the oldest first; a line that was cut short is none. Raises OSError."""
    heads = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            heads.append(Head.read(line.rpartition(" ")[2]))
    return heads


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
        found = _filtered(trail)
        # As in `one_page`: told so, a plan for any page is as good as one for this page.
        near = found.order_by(AuditRecord.at.desc(), AuditRecord.id.desc()).limit(up_to(far_enough(offset))).subquery()
        page = select(near.c.id).order_by(near.c.at.desc(), near.c.id.desc()).offset(offset).limit(up_to(limit))
        rows = await self.session.execute(
            select(AuditRecord, Deal.number)
            .outerjoin(Deal, Deal.id == AuditRecord.deal_id)
            .where(AuditRecord.id == any_(func.array(page.scalar_subquery())))
            .order_by(AuditRecord.at.desc(), AuditRecord.id.desc())
        )
        return [(record, deal) for record, deal in rows.all()], await self.count(found, offset)

    async def check_chain(self, kept: Sequence[Head] = ()) -> Chain:
        """Walk the chain, and see whether it leads through the heads that were kept elsewhere."""
        row = (await self.session.execute(CHAIN)).one()
        head = None if row.last_id is None else Head(row.last_id, bytes(row.last_hash or b""))
        unmet = None
        for one in sorted(kept, key=attrgetter("id")):
            found = await self.one(select(AuditRecord.hash).where(AuditRecord.id == one.id))
            if found != one.hash:
                unmet = one
                break
        return Chain(int(row.records), row.first_bad, head, unmet)

    async def head(self) -> Head | None:
        """The record that the chain ends in now."""
        row = (await self.session.execute(HEAD)).one_or_none()
        return None if row is None else Head(row.id, bytes(row.hash))


def _filtered(trail: Trail) -> Select[*tuple[Any, ...]]:
    found = select(AuditRecord.id, AuditRecord.at)
    if trail.actor_id is not None:
        found = found.where(AuditRecord.actor_id == trail.actor_id)
    if trail.deal_number is not None:
        deal = select(Deal.id).where(Deal.number == trail.deal_number).scalar_subquery()
        found = found.where(AuditRecord.deal_id == deal)
    if trail.since is not None:
        found = found.where(AuditRecord.at >= trail.since)
    if trail.until is not None:
        found = found.where(AuditRecord.at < trail.until)
    return found
