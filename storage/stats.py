"""Numbers of the whole agency, each group in one round trip, and what the machinery could not do."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, any_, func, select, update

from models.enums import DealStage, DeliveryStatus, MoneyMoveKind, ReminderKind, ReminderStatus, TaskStatus
from models.tables import (
    Deal,
    InboxUpdate,
    MoneyMove,
    OutboxMessage,
    Payment,
    Policy,
    Reminder,
    Task,
    TaskMove,
    User,
    Variant,
)
from storage.inbox import RERUN
from storage.outbox import RESEND
from storage.repository import OPEN_TASK, Repository, number, up_to_many

FAILING = Reminder.error.is_not(None) & (Reminder.status == ReminderStatus.PLANNED)
UNDECIDED = Policy.outcome.is_(None) & Policy.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class DayNumbers:
    """What happened on one day. The client's money and ours are never summed together."""

    deals: int
    tasks_given: int
    tasks_done: int
    variants: int
    policies: int
    premium: Decimal
    client_paid: Decimal
    commission_received: Decimal
    expenses_paid: Decimal


@dataclass(frozen=True, slots=True)
class NowNumbers:
    """How things stand at the moment."""

    open_deals: int
    tasks_overdue: int
    payments_overdue: int
    ending: int
    expired: int
    abandoned: int
    unreachable: int
    dead_updates: int
    dead_messages: int
    failing_reminders: int


@dataclass(frozen=True, slots=True)
class DeadUpdate:
    """An update that was given up: whose, when, what it was, and the reference that finds it in the log."""

    bot_id: int
    update_id: int
    person: str | None
    kind: str
    received_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was given up: whose, what kind, when it was written, and whether it is he who takes none."""

    id: int
    person: str
    kind: str
    written_at: datetime
    blocked: bool


@dataclass(frozen=True, slots=True)
class FailingReminder:
    """A reminder that cannot be fired: whose, of what, how often it was tried, and when it is tried next."""

    id: int
    person: str
    kind: ReminderKind
    deal_number: int | None
    attempts: int
    next_at: datetime


class Stats(Repository):
    async def of_day(self, since: datetime, until: datetime, day: date) -> DayNumbers:
        """What was entered between two moments; money by the day it is dated with."""

        def within(moment: Any) -> ColumnElement[bool]:
            return and_(moment >= since, moment < until)

        new_policy = within(Policy.created_at) & Policy.deleted_at.is_(None)
        row = await self.session.execute(
            select(
                _count(select(func.count()).select_from(Deal).where(within(Deal.created_at))),
                _count(select(func.count()).select_from(Task).where(within(Task.created_at))),
                _count(_moved(TaskStatus.DONE).where(within(TaskMove.at))),
                _count(select(func.count()).select_from(Variant).where(within(Variant.offered_at))),
                _count(select(func.count()).select_from(Policy).where(new_policy)),
                _count(select(func.coalesce(func.sum(Policy.premium), 0)).where(new_policy)),
                _moved_money(MoneyMoveKind.CLIENT_PAID, day),
                _moved_money(MoneyMoveKind.COMMISSION_RECEIVED, day)
                - _moved_money(MoneyMoveKind.COMMISSION_RETURNED, day),
                _moved_money(MoneyMoveKind.EXPENSE_PAID, day),
            )
        )
        return DayNumbers(*row.one())

    async def now(self, now: datetime, today: date, short: int) -> NowNumbers:
        """How things stand; `short` is the length in days below which a policy is not renewed."""
        renewable = UNDECIDED & (Policy.ends_on - Policy.starts_on + 1 >= short)
        owed = Payment.settled_on.is_(None) & Payment.waived_at.is_(None)
        open_deal = Deal.stage != DealStage.CLOSED
        blocked = select(User.id).where(~User.active)
        late = Task.status.not_in([TaskStatus.QUESTION, TaskStatus.WAITING_INSURER]) & (Task.due_at < now)
        overdue = select(Payment.id).join(Policy, Policy.id == Payment.policy_id).where(owed, Payment.due_on < today)
        ends_soon = Policy.ends_on.between(today, today + timedelta(days=30))
        row = await self.session.execute(
            select(
                up_to_many(select(Deal.id).where(open_deal)),
                up_to_many(select(Task.id).where(OPEN_TASK, late)),
                up_to_many(overdue.where(Policy.deleted_at.is_(None))),
                up_to_many(select(Policy.id).where(renewable, ends_soon)),
                up_to_many(select(Policy.id).where(renewable, Policy.ends_on < today)),
                up_to_many(
                    select(Deal.id).where(open_deal, Deal.seller_id == any_(func.array(blocked.scalar_subquery())))
                ),
                up_to_many(select(User.id).where(User.active, ~User.reachable)),
                up_to_many(select(InboxUpdate.update_id).where(InboxUpdate.status == DeliveryStatus.DEAD)),
                up_to_many(select(OutboxMessage.id).where(OutboxMessage.status == DeliveryStatus.DEAD)),
                up_to_many(select(Reminder.id).where(FAILING)),
            )
        )
        return NowNumbers(*(number(counted) for counted in row.one()))

    async def dead_updates(self, offset: int, limit: int) -> tuple[list[DeadUpdate], int]:
        """Updates that were given up, the newest first, a page of them, and how many there are."""
        dead = select(InboxUpdate).where(InboxUpdate.status == DeliveryStatus.DEAD)
        rows = await self.session.execute(
            dead.outerjoin(User, User.telegram_id == InboxUpdate.person_id)
            .add_columns(User.full_name)
            .order_by(InboxUpdate.received_at.desc())
            .offset(offset)
            .limit(limit)
        )
        found = [
            DeadUpdate(
                update.bot_id,
                update.update_id,
                name,
                next((kind for kind in update.payload if kind != "update_id"), ""),
                update.received_at,
                (update.error or "").partition(":")[0],
            )
            for update, name in rows.all()
        ]
        return found, await self.count(dead.with_only_columns(InboxUpdate.update_id))

    async def rerun(self, bot_id: int, update_id: int) -> bool:
        """Let a given-up update be tried again; False when there is no such one any more."""
        done = await self.session.execute(RERUN, {"bot_id": bot_id, "update_id": update_id})
        return done.first() is not None

    async def dead_messages(self, offset: int, limit: int) -> tuple[list[DeadMessage], int]:
        """Messages that were given up, the newest first, a page of them, and how many there are."""
        dead = select(OutboxMessage).where(OutboxMessage.status == DeliveryStatus.DEAD)
        rows = await self.session.execute(
            dead.join(User, User.id == OutboxMessage.recipient_id)
            .add_columns(User.full_name, User.active & User.reachable)
            .order_by(OutboxMessage.id.desc())
            .offset(offset)
            .limit(limit)
        )
        found = [
            DeadMessage(message.id, name, message.kind, message.created_at, not takes)
            for message, name, takes in rows.all()
        ]
        return found, await self.count(dead.with_only_columns(OutboxMessage.id))

    async def resend(self, message_id: int) -> bool:
        """Let a given-up message be tried again; False when there is no such one any more."""
        return (await self.session.execute(RESEND, {"id": message_id})).first() is not None

    async def failing_reminders(self, offset: int, limit: int) -> tuple[list[FailingReminder], int]:
        """Reminders that cannot be fired, the oldest first, a page of them, and how many there are."""
        failing = select(Reminder).where(FAILING)
        rows = await self.session.execute(
            failing.join(User, User.id == Reminder.recipient_id)
            .outerjoin(Deal, Deal.id == Reminder.deal_id)
            .add_columns(User.full_name, Deal.number)
            .order_by(Reminder.id)
            .offset(offset)
            .limit(limit)
        )
        found = [
            FailingReminder(row.id, name, row.kind, number, row.attempts, row.due_at)
            for row, name, number in rows.all()
        ]
        return found, await self.count(failing.with_only_columns(Reminder.id))

    async def fire_again(self, reminder_id: int, now: datetime) -> bool:
        """Let a reminder that cannot be fired be tried at the next tick; False when there is no such one any more."""
        done = await self.session.execute(
            update(Reminder).where(Reminder.id == reminder_id, FAILING).values(due_at=now).returning(Reminder.id)
        )
        return done.first() is not None


def _count(statement: Any) -> ScalarSelect[Any]:
    found: ScalarSelect[Any] = statement.scalar_subquery()
    return found


def _moved(status: TaskStatus) -> Any:
    return select(func.count()).select_from(TaskMove).where(TaskMove.status == status)


def _moved_money(kind: MoneyMoveKind, day: date) -> ScalarSelect[Any]:
    return _count(
        select(func.coalesce(func.sum(MoneyMove.amount), 0)).where(
            MoneyMove.kind == kind, MoneyMove.on_date == day, MoneyMove.undone_at.is_(None)
        )
    )
