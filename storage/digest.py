"""A person's day in numbers and one by one: counted and ordered by Postgres, never loaded to be counted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Date,
    DateTime,
    ScalarSelect,
    Select,
    all_,
    and_,
    cast,
    false,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from models.enums import DeliveryStatus, TaskStatus
from models.scope import EVERYTHING, Scope
from models.tables import InboxUpdate, OutboxMessage, Payment, Policy, Task, User
from storage.direct import given, ready
from storage.policies import without_commission
from storage.repository import (
    UNPAID,
    Repository,
    awaited,
    different_up_to,
    far_enough,
    number,
    of_live_policy,
    open_deals,
    up_to,
    up_to_many,
)

# That these tasks are open is seen by Postgres; said to it as well, it would expect a twentieth of them.
_RUNNING = Task.status.in_([TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED])
_NOT_TAKEN = Task.status.in_([TaskStatus.QUEUED, TaskStatus.RETURNED])
_VIEWER, _TODAY = given(1, BigInteger()), given(3, Date())
_NOW, _DAY_ENDS = (given(place, DateTime(timezone=True)) for place in (2, 4))
_SEEN_DEALS, _SEEN_TASKS = (given(place, ARRAY(BigInteger)) for place in (5, 6))


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
    def sees(self) -> Scope:
        """What such a person sees of the agency, whoever he is."""
        return EVERYTHING if self.everything else Scope(as_seller=self.sells)

    @property
    def values(self) -> tuple[int, datetime, date, datetime]:
        """What comes with each call: the first four places."""
        return self.user_id, self.now, self.today, self.day_ends


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
        statement = _counts(whose.sees, short_days, far_enough(0))
        row = (await self.direct(statement, *whose.values))[0]
        return DayCounts(*(number(counted) for counted in row))

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
        statement = _next_item(whose.sees, short_days, far_enough(0))
        found = await self.direct(statement, *whose.values, list(seen_deals), list(seen_tasks))
        return (str(found[0][0]), int(found[0][1]), number(found[0][2])) if found else None


class _Day:
    """What a person's day is made of, said once for everybody who sees the same part of the agency."""

    def __init__(self, sees: Scope, short_days: int) -> None:
        self.sees, self._short_days = sees, short_days
        self.deals = open_deals(sees, _VIEWER)
        self.mine = Task.assignee_id == _VIEWER
        self.on_deals = awaited(Task.deal_id, sees, self.deals)
        self.given = and_(~self.mine, self.on_deals)
        self.late = and_(_RUNNING, Task.due_at < _NOW)
        self.due_today = and_(_RUNNING, Task.due_at >= _NOW, Task.due_at < _DAY_ENDS)
        self.asked = and_(self.on_deals, Task.status == TaskStatus.QUESTION)

    def expired(self) -> Select[*tuple[Any, ...]]:
        """Policies that have ended with nobody deciding about them; a short one is not decided about."""
        return select(Policy.deal_id, Policy.ends_on).where(
            awaited(Policy.deal_id, self.sees, self.deals),
            Policy.outcome.is_(None),
            Policy.deleted_at.is_(None),
            Policy.ends_on < _TODAY,
            Policy.ends_on - Policy.starts_on >= self._short_days - 1,
        )

    def owing(self) -> Select[*tuple[Any, ...]]:
        """Instalments whose day is over, but for those that the client has promised for today or later."""
        return self._owed(Payment.due_on < _TODAY, ~func.coalesce(Payment.promised_on >= _TODAY, false()))

    def owed_today(self) -> CompoundSelect[*tuple[Any, ...]]:
        """What is due on this day and not promised for later, and what is promised for this day."""
        due = self._owed(Payment.due_on == _TODAY, ~func.coalesce(Payment.promised_on > _TODAY, false()))
        return union_all(due, self._owed(Payment.due_on < _TODAY, Payment.promised_on == _TODAY))

    def _owed(self, *when: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        theirs = awaited(Payment.deal_id, self.sees, self.deals)
        return select(Payment.deal_id, Payment.due_on).where(theirs, UNPAID, *when, of_live_policy(self.sees, _VIEWER))

    def deals_to_look_at(self) -> Iterator[Select[*tuple[Any, ...]]]:
        """Deals that burn, then today's; for each reason in the order of its days."""
        deal, deals = literal("deal").label("kind"), self.deals
        for rank, when in ((0, deals.c.review_on < _TODAY), (1, deals.c.review_on == _TODAY)):
            found = select(deal, deals.c.id, literal(rank).label("rank"), deals.c.review_on.label("day"))
            yield found.where(when, deals.c.id != all_(_SEEN_DEALS)).order_by(deals.c.review_on, deals.c.id)
        # These by the day since which they burn: it stands in their own index, and no deal is looked up.
        expired = self.expired().where(Policy.deal_id != all_(_SEEN_DEALS)).order_by(Policy.ends_on, Policy.id)
        owing = self.owing().where(Payment.deal_id != all_(_SEEN_DEALS)).order_by(Payment.due_on, Payment.id)
        for burning in (expired, owing):
            id_, since = burning.selected_columns
            yield burning.with_only_columns(deal, id_.label("id"), literal(0).label("rank"), since.label("day"))

    def tasks_to_look_at(self) -> Iterator[Select[*tuple[Any, ...]]]:
        """Tasks to be done or answered: overdue first, then today's, then those that wait for somebody."""
        for rank, wanted in (
            (0, self.mine & self.late),
            (0, self.given & self.late),
            (1, self.mine & self.due_today),
            (2, self.mine & _NOT_TAKEN),
            (2, self.given & _NOT_TAKEN),
            (2, self.asked),
        ):
            yield (
                select(
                    literal("task").label("kind"),
                    Task.id.label("id"),
                    literal(rank).label("rank"),
                    cast(Task.due_at, Date).label("day"),
                )
                .where(wanted, Task.id != all_(_SEEN_TASKS))
                .order_by(Task.due_at, Task.id)
            )


@cache
def _counts(sees: Scope, short_days: int, _far: int) -> str:
    """The statement of a day's numbers, in the order of `DayCounts`; `_far` is how far they are counted."""
    day = _Day(sees, short_days)
    touches, tasks = select(day.deals.c.id), select(Task.id)
    counted = (
        touches.where(day.deals.c.review_on < _TODAY),
        day.expired(),
        day.owing(),
        # What is one's own and what others have to do are never the same.
        union_all(*(tasks.where(day.late, theirs) for theirs in (day.mine, day.given))),
        touches.where(day.deals.c.review_on == _TODAY),
        day.owed_today(),
        tasks.where(day.mine, day.due_today),
        tasks.where(day.asked),
        tasks.where(day.given, _NOT_TAKEN),
        tasks.where(day.mine, _NOT_TAKEN),
    )
    return ready(select(*(up_to_many(rows, everybodys=sees.everything) for rows in counted)))


@cache
def _next_item(sees: Scope, short_days: int, _far: int) -> str:
    """The statement of the first card that was not looked at, and how many there are."""
    day = _Day(sees, short_days)
    parts = [*day.deals_to_look_at(), *day.tasks_to_look_at()]
    items = union_all(*(part.order_by(None).subquery().select() for part in parts)).cte("items")
    # A person's are found once; of everybody's the first for each reason tells the first of all.
    items = items.prefix_with("NOT MATERIALIZED" if sees.everything else "MATERIALIZED", dialect="postgresql")
    each = union_all(*(part.limit(up_to(1)).subquery().select() for part in parts)).subquery()
    firsts = each if sees.everything else items
    first = select(firsts).order_by(firsts.c.rank, firsts.c.day, firsts.c.kind, firsts.c.id).limit(up_to(1)).subquery()
    left = different_up_to(select(items.c.kind, items.c.id), everybodys=sees.everything)
    return ready(select(first.c.kind, first.c.id, left))


def _number(statement: Select[Any]) -> ScalarSelect[Any]:
    return statement.scalar_subquery()
