"""Due rows: planned, claimed by a tick with SKIP LOCKED, answered or cancelled."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from models.enums import ReminderKind, ReminderStatus
from models.tables import LineOfBusiness, Payment, Policy, Reminder
from storage.repository import Repository


class Reminders(Repository):
    async def plan(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add planned rows; one that is there already (sent, answered) stays as it is."""
        values = list(rows)
        if values:
            await self.session.execute(insert(Reminder).values(values).on_conflict_do_nothing())

    async def forget_planned(self, kinds: Iterable[ReminderKind], object_id: int) -> None:
        """Drop what is still planned for an object: it has never been seen by anybody."""
        await self.session.execute(
            delete(Reminder).where(
                Reminder.kind.in_(kinds), Reminder.object_id == object_id, Reminder.status == ReminderStatus.PLANNED
            )
        )

    async def past_steps(self, kind: ReminderKind, object_id: int) -> dict[int, int]:
        """The farthest step that each recipient has been sent for an object."""
        rows = await self.session.execute(
            select(Reminder.recipient_id, func.max(Reminder.step))
            .where(Reminder.kind == kind, Reminder.object_id == object_id, Reminder.status != ReminderStatus.PLANNED)
            .group_by(Reminder.recipient_id)
        )
        return dict(rows.all())

    async def answer(self, kind: ReminderKind, object_id: int, answer: str, now: datetime) -> None:
        """Mark what was sent for an object as answered."""
        await self.session.execute(
            update(Reminder)
            .where(Reminder.kind == kind, Reminder.object_id == object_id, Reminder.status == ReminderStatus.SENT)
            .values(status=ReminderStatus.ANSWERED, answered_at=now, answer=answer)
        )

    async def was_sent(self, kind: ReminderKind, object_id: int, on: date) -> bool:
        """Whether anybody was sent this kind of reminder of an object on a local day."""
        found = await self.session.execute(
            select(Reminder.id)
            .where(
                Reminder.kind == kind,
                Reminder.object_id == object_id,
                Reminder.local_date == on,
                Reminder.status != ReminderStatus.PLANNED,
            )
            .limit(1)
        )
        return found.first() is not None

    async def exists_on(self, kind: ReminderKind, object_id: int, recipient_id: int, on: date) -> bool:
        """Whether a person has or will have a reminder of an object on a local day."""
        found = await self.session.execute(
            select(Reminder.id)
            .where(
                Reminder.kind == kind,
                Reminder.object_id == object_id,
                Reminder.recipient_id == recipient_id,
                Reminder.local_date == on,
                Reminder.status != ReminderStatus.SKIPPED,
            )
            .limit(1)
        )
        return found.first() is not None

    async def hand_over(self, deal_ids: list[int], from_id: int, to_id: int) -> None:
        """Give one person's planned reminders of some deals to another; what the other has already is not doubled."""
        mine = select(Reminder.id).where(
            Reminder.deal_id.in_(deal_ids),
            Reminder.recipient_id == from_id,
            Reminder.status == ReminderStatus.PLANNED,
        )
        theirs = Reminder.__table__.alias()
        await self.session.execute(
            delete(Reminder).where(
                Reminder.id.in_(mine),
                select(theirs.c.id)
                .where(
                    theirs.c.kind == Reminder.kind,
                    theirs.c.object_id == Reminder.object_id,
                    theirs.c.step == Reminder.step,
                    theirs.c.local_date == Reminder.local_date,
                    theirs.c.recipient_id == to_id,
                )
                .exists(),
            )
        )
        await self.session.execute(update(Reminder).where(Reminder.id.in_(mine)).values(recipient_id=to_id))

    async def claim_due(self, now: datetime, limit: int) -> list[Reminder]:
        """Hold the rows whose time has come, oldest first; another scheduler skips them until the commit."""
        return await self.many(
            select(Reminder)
            .where(Reminder.status == ReminderStatus.PLANNED, Reminder.due_at <= now)
            .order_by(Reminder.due_at, Reminder.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

    async def get(self, reminder_id: int) -> Reminder | None:
        return await self.one(select(Reminder).where(Reminder.id == reminder_id))

    async def next_due(self) -> datetime | None:
        """When the next planned row is due, whoever's it is."""
        return (
            await self.session.execute(
                select(func.min(Reminder.due_at)).where(Reminder.status == ReminderStatus.PLANNED)
            )
        ).scalar_one()

    async def events_ahead(self, deal_id: int) -> tuple[list[tuple[date, int]], list[tuple[date, int, LineOfBusiness]]]:
        """What a deal waits for: unpaid payments as (day, id), a promised day instead of an earlier due one, and
        policies with no outcome as (end, id, line).
        """
        paying = func.greatest(Payment.due_on, Payment.promised_on)
        unpaid = await self.session.execute(
            select(paying, Payment.id)
            .join(Policy, Policy.id == Payment.policy_id)
            .where(
                Payment.deal_id == deal_id,
                Payment.settled_on.is_(None),
                Payment.waived_at.is_(None),
                Policy.deleted_at.is_(None),
            )
        )
        ending = await self.session.execute(
            select(Policy.ends_on, Policy.id, LineOfBusiness)
            .join(LineOfBusiness, LineOfBusiness.id == Policy.line_id)
            .where(Policy.deal_id == deal_id, Policy.outcome.is_(None), Policy.deleted_at.is_(None))
        )
        return list(unpaid.all()), list(ending.all())
