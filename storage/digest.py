"""A person's day in numbers and one by one: counted and ordered by Postgres, never loaded to be counted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
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

from models.enums import DeliveryStatus, TaskStatus
from models.scope import EVERYTHING, Scope
from models.tables import InboxUpdate, OutboxMessage, Payment, Policy, Task, User
from storage.policies import without_commission
from storage.repository import (
    Repository,
    awaited,
    different_up_to,
    number,
    of_live_policy,
    open_deals,
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

    def given(self, deals: CTE) -> ColumnElement[bool]:
        """What others have to do on these deals."""
        return and_(~self.mine, self.on(deals))

    def on(self, deals: CTE) -> ColumnElement[bool]:
        return awaited(Task.deal_id, self.scope, deals)

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
        deals = open_deals(whose.scope)
        touches, tasks = select(deals.c.id), select(Task.id)
        owed = self._owed(whose, deals, Payment.due_on < whose.today, ~_promised_from(whose.today))
        asked = Task.status == TaskStatus.QUESTION
        counted = (
            touches.where(deals.c.review_on < whose.today),
            self._expired(whose, deals, short_days),
            owed,
            # What is one's own and what others have to do are never the same.
            union_all(*(tasks.where(whose.late, theirs) for theirs in (whose.mine, whose.given(deals)))),
            touches.where(deals.c.review_on == whose.today),
            self._owed_today(whose, deals),
            tasks.where(whose.mine, whose.due_today),
            tasks.where(whose.on(deals), asked),
            tasks.where(whose.given(deals), NOT_TAKEN),
            tasks.where(whose.mine, NOT_TAKEN),
        )
        row = await self.session.execute(select(*(up_to_many(rows, everybodys=whose.everything) for rows in counted)))
        return DayCounts(*(number(counted) for counted in row.one()))

    @staticmethod
    def _expired(whose: Whose, deals: CTE, short_days: int) -> Select[*tuple[Any, ...]]:
        """Policies that have ended with nobody deciding about them; a short one is not decided about."""
        return select(Policy.deal_id, Policy.ends_on).where(
            awaited(Policy.deal_id, whose.scope, deals),
            Policy.outcome.is_(None),
            Policy.deleted_at.is_(None),
            Policy.ends_on < whose.today,
            Policy.ends_on - Policy.starts_on >= short_days - 1,
        )

    @staticmethod
    def _owed(whose: Whose, deals: CTE, *when: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        return select(Payment.deal_id, Payment.due_on).where(
            awaited(Payment.deal_id, whose.scope, deals), *UNPAID, *when, of_live_policy(whose.scope)
        )

    def _owed_today(self, whose: Whose, deals: CTE) -> CompoundSelect[*tuple[Any, ...]]:
        """What is due on this day and not promised for later, and what is promised for this day."""
        due = self._owed(whose, deals, Payment.due_on == whose.today, ~_promised_from(whose.today + timedelta(days=1)))
        promised = self._owed(whose, deals, Payment.due_on < whose.today, Payment.promised_on == whose.today)
        return union_all(due, promised)

    async def agency(self) -> AgencyCounts:
        """What waits for an admin."""
        updates = select(func.count()).select_from(InboxUpdate).where(InboxUpdate.status == DeliveryStatus.DEAD)
        messages = (
            select(func.count())
            .select_from(OutboxMessage)
            .join(User, User.id == OutboxMessage.recipient_id)
            # What could not reach somebody who has left or blocked the bot is told by his name instead.
            .where(OutboxMessage.status == DeliveryStatus.DEAD, User.active, User.reachable)
        )
        people = select(func.count()).select_from(User).where(User.active, ~User.reachable)
        policies = different_up_to(without_commission(EVERYTHING), everybodys=True)
        row = await self.session.execute(select(policies, *(_number(part) for part in (updates, messages, people))))
        unrated, *others = row.one()
        return AgencyCounts(number(unrated), *others)

    async def next_item(
        self, whose: Whose, short_days: int, seen_deals: Collection[int], seen_tasks: Collection[int]
    ) -> tuple[str, int, int] | None:
        """The most urgent deal or task that has not been looked at: (kind, id, how many there are with it)."""
        deals = open_deals(whose.scope)
        parts = [*self._deals(whose, deals, short_days, seen_deals), *self._tasks(whose, deals, seen_tasks)]
        items = union_all(*(part.order_by(None).subquery().select() for part in parts)).cte("items")
        # A person's are found once; of everybody's the first for each reason tells the first of all.
        items = items.prefix_with("NOT MATERIALIZED" if whose.everything else "MATERIALIZED", dialect="postgresql")
        each = union_all(*(part.limit(up_to(1)).subquery().select() for part in parts)).subquery()
        firsts = each if whose.everything else items
        first = (
            select(firsts).order_by(firsts.c.rank, firsts.c.day, firsts.c.kind, firsts.c.id).limit(up_to(1)).subquery()
        )
        left = different_up_to(select(items.c.kind, items.c.id), everybodys=whose.everything)
        row = (await self.session.execute(select(first.c.kind, first.c.id, left))).one_or_none()
        return None if row is None else (str(row[0]), int(row[1]), number(row[2]))

    def _deals(
        self, whose: Whose, deals: CTE, short_days: int, but: Collection[int]
    ) -> Iterator[Select[*tuple[Any, ...]]]:
        """Deals to be looked at: those that burn, then today's; for each reason in the order of its days."""
        deal = literal("deal").label("kind")
        for rank, when in ((0, deals.c.review_on < whose.today), (1, deals.c.review_on == whose.today)):
            found = select(deal, deals.c.id, literal(rank).label("rank"), deals.c.review_on.label("day"))
            yield found.where(when, deals.c.id.not_in(but)).order_by(deals.c.review_on, deals.c.id)
        # These by the day since which they burn: it stands in their own index, and no deal is looked up.
        expired = (
            self._expired(whose, deals, short_days)
            .where(Policy.deal_id.not_in(but))
            .order_by(Policy.ends_on, Policy.id)
        )
        owing = self._owed(whose, deals, Payment.due_on < whose.today, ~_promised_from(whose.today))
        owing = owing.where(Payment.deal_id.not_in(but)).order_by(Payment.due_on, Payment.id)
        for burning in (expired, owing):
            id_, since = burning.selected_columns
            yield burning.with_only_columns(deal, id_.label("id"), literal(0).label("rank"), since.label("day"))

    @staticmethod
    def _tasks(whose: Whose, deals: CTE, but: Collection[int]) -> Iterator[Select[*tuple[Any, ...]]]:
        """Tasks to be done or answered: overdue first, then today's, then those that wait for somebody."""
        asked = Task.status == TaskStatus.QUESTION
        for rank, wanted in (
            (0, whose.mine & whose.late),
            (0, whose.given(deals) & whose.late),
            (1, whose.mine & whose.due_today),
            (2, whose.mine & NOT_TAKEN),
            (2, whose.given(deals) & NOT_TAKEN),
            (2, and_(whose.on(deals), asked)),
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
            )


def _number(statement: Select[Any]) -> ScalarSelect[Any]:
    return statement.scalar_subquery()


def _promised_from(day: date) -> ColumnElement[bool]:
    """Whether the client has promised to pay on this day or later: then the money is not expected before."""
    return func.coalesce(Payment.promised_on >= day, false())
