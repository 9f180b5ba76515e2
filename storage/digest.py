"""A person's day in numbers and one by one: counted and ordered by Postgres, never loaded to be counted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    and_,
    cast,
    false,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.types import Date

from models.enums import DeliveryStatus, IncomeStatus, TaskStatus
from models.scope import EVERYTHING, Scope
from models.tables import Deal, InboxUpdate, Income, OutboxMessage, Payment, Policy, Task, User
from storage.repository import (
    MANY,
    OPEN_DEAL,
    Repository,
    Rows,
    awaited,
    in_ways,
    number,
    of_live_policy,
    seen,
    up_to,
    up_to_many,
)

# That these tasks are open is seen by Postgres; said to it as well, it would expect a twentieth of them.
RUNNING = Task.status.in_([TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED])
NOT_TAKEN = Task.status.in_([TaskStatus.QUEUED, TaskStatus.RETURNED])
UNPAID = (Payment.settled_on.is_(None), Payment.waived_at.is_(None))


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
    def scope(self) -> Scope:
        return EVERYTHING if self.everything else Scope(self.user_id, as_seller=self.sells)

    @property
    def mine(self) -> ColumnElement[bool]:
        return Task.assignee_id == self.user_id

    @property
    def given(self) -> ColumnElement[bool]:
        """What others have to do on these deals."""
        return and_(~self.mine, self.on_deals)

    @property
    def on_deals(self) -> ColumnElement[bool]:
        return awaited(Task.deal_id, self.scope)

    @property
    def late(self) -> ColumnElement[bool]:
        return and_(RUNNING, Task.due_at < self.now)

    @property
    def due_today(self) -> ColumnElement[bool]:
        return and_(RUNNING, Task.due_at >= self.now, Task.due_at < self.day_ends)


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


class Digest(Repository):
    async def counts(self, whose: Whose, short_days: int) -> DayCounts:
        """All the numbers of a person's day in one round trip."""
        tasks = select(Task.id)
        asked = Task.status == TaskStatus.QUESTION
        row = await self.session.execute(
            select(
                up_to_many(seen(whose.scope, Deal.id, where=(OPEN_DEAL, Deal.review_on < whose.today))),
                up_to_many(self._expired(whose, short_days)),
                up_to_many(self._owed(whose, Payment.due_on < whose.today, ~_promised_from(whose.today))),
                up_to_many(in_ways([whose.mine, whose.given], Task.id, where=(whose.late,))),
                up_to_many(seen(whose.scope, Deal.id, where=(OPEN_DEAL, Deal.review_on == whose.today))),
                up_to_many(self._owed_today(whose)),
                up_to_many(tasks.where(whose.mine, whose.due_today)),
                up_to_many(tasks.where(whose.on_deals, asked)),
                up_to_many(tasks.where(whose.given, NOT_TAKEN)),
                up_to_many(tasks.where(whose.mine, NOT_TAKEN)),
            )
        )
        return DayCounts(*(number(counted) for counted in row.one()))

    @staticmethod
    def _expired(whose: Whose, short_days: int) -> Select[*tuple[Any, ...]]:
        """Policies that have ended with nobody deciding about them; a short one is not decided about."""
        return select(Policy.deal_id, Policy.ends_on).where(
            awaited(Policy.deal_id, whose.scope),
            Policy.outcome.is_(None),
            Policy.deleted_at.is_(None),
            Policy.ends_on < whose.today,
            Policy.ends_on - Policy.starts_on >= short_days - 1,
        )

    @staticmethod
    def _owed(whose: Whose, *when: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        return select(Payment.deal_id, Payment.due_on).where(
            awaited(Payment.deal_id, whose.scope), *UNPAID, *when, of_live_policy(whose.scope)
        )

    def _owed_today(self, whose: Whose) -> CompoundSelect[*tuple[Any, ...]]:
        """What is due on this day and not promised for later, and what is promised for this day."""
        due = self._owed(whose, Payment.due_on == whose.today, ~_promised_from(whose.today + timedelta(days=1)))
        promised = self._owed(whose, Payment.due_on < whose.today, Payment.promised_on == whose.today)
        return union_all(due, promised)

    async def agency(self) -> AgencyCounts:
        """What waits for an admin."""
        rates = (
            select(func.count(Payment.policy_id.distinct()))
            .join(Income, Income.payment_id == Payment.id)
            .where(Income.expected_amount.is_(None), Income.status == IncomeStatus.EXPECTED, of_live_policy(EVERYTHING))
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
        parts = [*self._deals(whose, short_days, seen_deals), *self._tasks(whose, seen_tasks)]
        items = union_all(*(part.subquery().select() for part in parts)).subquery()
        each = (
            select(items.c.kind, items.c.id, func.min(items.c.rank).label("rank"), func.min(items.c.day).label("day"))
            .group_by(items.c.kind, items.c.id)
            .subquery()
        )
        row = (
            await self.session.execute(
                select(each.c.kind, each.c.id, func.count().over())
                .order_by(each.c.rank, each.c.day, each.c.kind, each.c.id)
                .limit(1)
            )
        ).one_or_none()
        return None if row is None else (str(row[0]), int(row[1]), number(row[2]))

    def _deals(self, whose: Whose, short_days: int, but: Collection[int]) -> Iterator[Rows]:
        """Deals to be looked at: those that burn, then today's; of each reason the first many."""
        deal, day = literal("deal").label("kind"), Deal.review_on.label("day")

        def touched(rank: int, *when: ColumnElement[bool]) -> Rows:
            found = seen(
                whose.scope,
                deal,
                Deal.id.label("id"),
                literal(rank).label("rank"),
                day,
                where=(OPEN_DEAL, Deal.id.not_in(but), *when),
            )
            keys = found.subquery()
            return select(keys).order_by(keys.c.day, keys.c.id).limit(up_to(MANY))

        yield touched(0, Deal.review_on < whose.today)
        yield touched(1, Deal.review_on == whose.today)
        # These by the day since which they burn: it stands in their own index, and no deal is looked up.
        expired = self._expired(whose, short_days).where(Policy.deal_id.not_in(but)).order_by(Policy.ends_on)
        owing = self._owed(whose, Payment.due_on < whose.today, ~_promised_from(whose.today))
        owing = owing.where(Payment.deal_id.not_in(but)).order_by(Payment.due_on)
        for burning in (expired, owing):
            since = burning.limit(up_to(MANY)).subquery()
            id_, since_day = since.c
            yield select(deal, id_.label("id"), literal(0).label("rank"), since_day.label("day"))

    @staticmethod
    def _tasks(whose: Whose, but: Collection[int]) -> Iterator[Rows]:
        """Tasks to be done or answered: overdue first, then today's, then those that wait for somebody."""
        asked = Task.status == TaskStatus.QUESTION
        for rank, wanted in (
            (0, whose.mine & whose.late),
            (0, whose.given & whose.late),
            (1, whose.mine & whose.due_today),
            (2, whose.mine & NOT_TAKEN),
            (2, whose.given & NOT_TAKEN),
            (2, and_(whose.on_deals, asked)),
        ):
            yield (
                select(
                    literal("task").label("kind"),
                    Task.id.label("id"),
                    literal(rank).label("rank"),
                    cast(Task.due_at, Date).label("day"),
                )
                .where(wanted, Task.id.not_in(but))
                .order_by(Task.due_at, Task.id)
                .limit(up_to(MANY))
            )


def _number(statement: Select[Any]) -> ScalarSelect[Any]:
    return statement.scalar_subquery()


def _promised_from(day: date) -> ColumnElement[bool]:
    """Whether the client has promised to pay on this day or later: then the money is not expected before."""
    return func.coalesce(Payment.promised_on >= day, false())
