"""A person's day in numbers and one by one: counted and ordered by Postgres, never loaded to be counted."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.types import Date

from models.enums import DeliveryStatus, IncomeStatus, TaskStatus
from models.tables import Deal, InboxUpdate, Income, OutboxMessage, Payment, Policy, Task, User
from storage.deals import OPEN_DEAL
from storage.repository import Repository

RUNNING = Task.status.in_([TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED])
NOT_TAKEN = Task.status.in_([TaskStatus.QUEUED, TaskStatus.RETURNED])
UNPAID = (Payment.settled_on.is_(None), Payment.waived_at.is_(None))
_paying = func.greatest(Payment.due_on, Payment.promised_on)
"""When the money is expected: the due day, or a later day that the client has promised."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose work is asked for: his own deals, everybody's, or none (a mere executor's day is his tasks)."""

    user_id: int
    sells: bool
    everything: bool
    now: datetime
    today: date
    day_ends: datetime

    @property
    def deal(self) -> ColumnElement[bool]:
        if self.everything:
            return OPEN_DEAL
        return and_(OPEN_DEAL, Deal.seller_id == self.user_id) if self.sells else false()


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What burns, what is today, who waits."""

    overdue_touches: int
    expired_policies: int
    overdue_payments: int
    overdue_tasks: int
    today_touches: int
    today_payments: int
    today_tasks: int
    questions: int
    not_accepted: int
    queue: int


@dataclass(frozen=True, slots=True)
class AgencyCounts:
    """What only an admin can put right."""

    rates_missing: int
    dead_updates: int
    dead_messages: int
    unreachable: int


def _expired(today: date, short_days: int) -> ColumnElement[bool]:
    """A policy has ended and nobody has decided about it; a short one is not decided about."""
    return and_(
        Policy.outcome.is_(None),
        Policy.deleted_at.is_(None),
        Policy.ends_on < today,
        Policy.ends_on - Policy.starts_on >= short_days - 1,
    )


def _number(statement: Select[Any]) -> ScalarSelect[Any]:
    return statement.scalar_subquery()


class Digest(Repository):
    async def counts(self, whose: Whose, short_days: int) -> DayCounts:
        """All the numbers of a person's day in one round trip."""
        deals = select(func.count()).select_from(Deal).where(whose.deal)
        policies = select(func.count()).select_from(Policy).join(Deal, Deal.id == Policy.deal_id).where(whose.deal)
        payments = (
            select(func.count())
            .select_from(Payment)
            .join(Deal, Deal.id == Payment.deal_id)
            .join(Policy, Policy.id == Payment.policy_id)
            .where(whose.deal, Policy.deleted_at.is_(None), *UNPAID)
        )
        tasks = select(func.count()).select_from(Task).join(Deal, Deal.id == Task.deal_id)
        mine, given = Task.assignee_id == whose.user_id, and_(whose.deal, Task.assignee_id != whose.user_id)
        row = await self.session.execute(
            select(
                _number(deals.where(Deal.review_on < whose.today)),
                _number(policies.where(_expired(whose.today, short_days))),
                _number(payments.where(_paying < whose.today)),
                _number(tasks.where(or_(mine, given), RUNNING, Task.due_at < whose.now)),
                _number(deals.where(Deal.review_on == whose.today)),
                _number(payments.where(_paying == whose.today)),
                _number(tasks.where(mine, RUNNING, Task.due_at >= whose.now, Task.due_at < whose.day_ends)),
                _number(tasks.where(whose.deal, Task.status == TaskStatus.QUESTION)),
                _number(tasks.where(given, NOT_TAKEN)),
                _number(tasks.where(mine, NOT_TAKEN)),
            )
        )
        return DayCounts(*tuple(row.one()))

    async def agency(self) -> AgencyCounts:
        """What waits for an admin."""
        rates = (
            select(func.count(Payment.policy_id.distinct()))
            .join(Income, Income.payment_id == Payment.id)
            .join(Policy, Policy.id == Payment.policy_id)
            .where(
                Income.expected_amount.is_(None),
                Income.status == IncomeStatus.EXPECTED,
                Policy.deleted_at.is_(None),
            )
        )
        updates = select(func.count()).select_from(InboxUpdate).where(InboxUpdate.status == DeliveryStatus.DEAD)
        messages = (
            select(func.count())
            .select_from(OutboxMessage)
            .join(User, User.id == OutboxMessage.recipient_id)
            # What could not reach somebody who has left or blocked the bot is told by his name instead.
            .where(OutboxMessage.status == DeliveryStatus.DEAD, User.active, User.reachable)
        )
        people = select(func.count()).select_from(User).where(User.active, ~User.reachable)
        row = await self.session.execute(select(*(_number(part) for part in (rates, updates, messages, people))))
        return AgencyCounts(*tuple(row.one()))

    async def next_item(
        self, whose: Whose, short_days: int, seen_deals: Collection[int], seen_tasks: Collection[int]
    ) -> tuple[str, int, int] | None:
        """The most urgent deal or task that has not been looked at: (kind, id, how many there are with it)."""
        items = union_all(
            self._deals(whose, short_days).where(Deal.id.not_in(seen_deals)),
            self._tasks(whose).where(Task.id.not_in(seen_tasks)),
        ).subquery()
        row = (
            await self.session.execute(
                select(items.c.kind, items.c.id, func.count().over())
                .order_by(items.c.rank, items.c.day, items.c.kind, items.c.id)
                .limit(1)
            )
        ).one_or_none()
        return None if row is None else (str(row[0]), int(row[1]), int(row[2]))

    @staticmethod
    def _deals(whose: Whose, short_days: int) -> Select[Any]:
        """Deals to be looked at: burning first, then today's."""
        expired = exists().where(Policy.deal_id == Deal.id, _expired(whose.today, short_days))
        owing = exists().where(
            Payment.deal_id == Deal.id,
            Policy.id == Payment.policy_id,
            Policy.deleted_at.is_(None),
            *UNPAID,
            _paying < whose.today,
        )
        burns = or_(Deal.review_on < whose.today, expired, owing)
        return select(
            literal("deal").label("kind"),
            Deal.id.label("id"),
            case((burns, 0), else_=1).label("rank"),
            Deal.review_on.label("day"),
        ).where(whose.deal, or_(Deal.review_on <= whose.today, burns))

    @staticmethod
    def _tasks(whose: Whose) -> Select[Any]:
        """Tasks to be done or answered: overdue first, then today's, then those that wait for somebody."""
        mine = Task.assignee_id == whose.user_id
        given = and_(whose.deal, ~mine)
        late = and_(RUNNING, Task.due_at < whose.now)
        today = and_(mine, RUNNING, Task.due_at < whose.day_ends)
        asked = and_(whose.deal, Task.status == TaskStatus.QUESTION)
        return (
            select(
                literal("task").label("kind"),
                Task.id.label("id"),
                case((late, 0), (today, 1), else_=2).label("rank"),
                cast(Task.due_at, Date).label("day"),
            )
            .join(Deal, Deal.id == Task.deal_id)
            .where(or_(and_(mine, or_(late, today, NOT_TAKEN)), and_(given, or_(late, NOT_TAKEN)), asked))
        )
