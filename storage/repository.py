"""What the repositories share: a session, who may see which deals, said once in SQL, and counting that has an end."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Final, Protocol, TypeVar

import asyncpg
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    ScalarSelect,
    Select,
    Subquery,
    any_,
    case,
    column,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from models.enums import DealStage, ExpenseStatus, IncomeStatus, TaskStatus
from models.scope import Scope
from models.tables import Deal, Payment, Policy, Task
from models.values.at_least import AtLeast
from storage.direct import given, ready

OPEN_DEAL = Deal.stage != DealStage.CLOSED
OPEN_TASK = Task.status.not_in([TaskStatus.DONE, TaskStatus.CANCELLED])
UNPAID = Payment.settled_on.is_(None) & Payment.waived_at.is_(None)
FORGOTTEN_INCOME = [IncomeStatus.REVERSED, IncomeStatus.WRITTEN_OFF]
FORGOTTEN_EXPENSE = [ExpenseStatus.REVERSED, ExpenseStatus.WRITTEN_OFF]
MANY: Final = 1000
"""How far a list is counted beyond the page that is looked at: nobody reads a longer number, and no screen waits."""
CROWD: Final = 200
"""How far everybody's are counted in an agency that has grown: there hundreds wait for somebody at any time."""
GROWN: Final = 20_000
"""Deals of an agency that has grown, by what Postgres knows of their number."""
BUSY: Final = 20
"""How far the work of each of many people is counted: whoever has more has enough."""

T = TypeVar("T")
Rows = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]


def ways_to_see(scope: Scope, viewer: ColumnElement[int] | None = None) -> list[ColumnElement[bool]]:
    """Why a person sees a deal: it is his, he executes it, he has an open task on it. Each is a range of an index.

    `viewer` stands for the scope's person in a statement that is made once for everybody.
    """
    who = scope.user_id if viewer is None else viewer
    # Not correlated: a statement about tasks has another task in its FROM.
    with_task = select(Task.deal_id).where(Task.assignee_id == who, OPEN_TASK).correlate(None)
    return _ways(scope, who, Deal.id == any_(func.array(with_task.scalar_subquery())))


def may_see_deal(scope: Scope, viewer: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """Whether a deal is inside a scope, for statements that start from a deal; lists start from the person: `seen`.

    `viewer` as in `ways_to_see`.
    """
    who = scope.user_id if viewer is None else viewer
    # Correlated with the deal alone, and no index can begin with it: the statement is to begin with the deal.
    with_task = exists().where(Task.deal_id == Deal.id, Task.assignee_id == who, OPEN_TASK).correlate(Deal)
    return or_(false(), *_ways(scope, who, with_task))


def _ways(scope: Scope, who: int | ColumnElement[int], with_task: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    if scope.everything:
        return [true()]
    ways: list[ColumnElement[bool]] = [Deal.seller_id == who] if scope.as_seller else []
    return [*ways, Deal.executor_id == who, with_task] if scope.as_executor else ways


def seen(
    scope: Scope,
    *columns: Any,
    where: tuple[ColumnElement[bool], ...] = (),
    viewer: ColumnElement[int] | None = None,
) -> Rows:
    """Columns of the deals inside a scope: a part for each way to see them, for no index answers their OR."""
    return in_ways(ways_to_see(scope, viewer), *columns, where=where)


def in_ways(ways: list[ColumnElement[bool]], *columns: Any, where: tuple[ColumnElement[bool], ...] = ()) -> Rows:
    """Columns of what fulfils any of these conditions, a part for each, nothing twice."""
    parts = [select(*columns).where(way, *where).correlate(None) for way in ways or [false()]]
    return parts[0] if len(parts) == 1 else union(*parts)


def among(
    deal_id: InstrumentedAttribute[int],
    scope: Scope,
    *where: ColumnElement[bool],
    viewer: ColumnElement[int] | None = None,
) -> ColumnElement[bool]:
    """Rows of the deals inside a scope, looked up from the person's deals; `where` is about these.

    As an array: the planner would else be tempted to walk everybody's rows in the order of the list until a page is
    full, which for a person with a thousandth of them is a walk through all.
    """
    if scope.everything:
        return true()
    return deal_id == any_(func.array(seen(scope, Deal.id, where=where, viewer=viewer).scalar_subquery()))


def awaited(
    deal_id: InstrumentedAttribute[int],
    scope: Scope,
    deals: CTE | None = None,
    *,
    viewer: ColumnElement[int] | None = None,
) -> ColumnElement[bool]:
    """Open tasks, undecided policies and unpaid instalments inside a scope, looked up from the person's open deals:
    from `open_deals` where a statement has them.

    A closed deal has none of them (services.deals.close), so that of everybody's no deal is looked up.
    """
    if deals is None or scope.everything:
        return among(deal_id, scope, OPEN_DEAL, viewer=viewer)
    return deal_id == any_(func.array(select(deals.c.id).scalar_subquery()))


def open_deals(scope: Scope, viewer: ColumnElement[int] | None = None) -> CTE:
    """The open deals inside a scope (id, review_on, updated_at), for a statement that asks of them more than once.

    A person's are looked up once; of everybody's each part of the statement looks for its own.
    """
    columns = Deal.id, Deal.review_on, Deal.updated_at
    found = seen(scope, *columns, where=(OPEN_DEAL,), viewer=viewer).cte("open_deals")
    return found.prefix_with("NOT MATERIALIZED" if scope.everything else "MATERIALIZED", dialect="postgresql")


def among_first(key: InstrumentedAttribute[int], rows: Rows, most: int) -> ColumnElement[bool]:
    """Rows with one of the first `most` keys of others, which are found before anything is asked of their rows.

    As an array, too: joined, the planner has ranked every name of the agency and then thrown most of them away.
    """
    return key == any_(func.array(rows.limit(up_to(most)).scalar_subquery()))


def of_live_policy(scope: Scope, viewer: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """Payments of policies that are not deleted: by what little is deleted, for an index holds these alone."""
    theirs = among(Policy.deal_id, scope, viewer=viewer)
    return Payment.policy_id.not_in(select(Policy.id).where(Policy.deleted_at.is_not(None), theirs).correlate(None))


def up_to(most: int) -> ColumnElement[int]:
    """A limit of the code's own, said in the text: a plan that is made once for all parameters would count on a tenth
    of the table.
    """
    return literal_column(str(most), Integer)


def up_to_many(rows: Rows, past: int = 0, *, everybodys: bool = False) -> ScalarSelect[int]:
    """The number of rows, counted so far beyond those that are `past` and no further; to be read by `number`. How far
    that is depends, of what is everybody's, on the agency.
    """
    return up_to_many_past(rows, up_to(past), _far(past), everybodys=everybodys)


def up_to_many_past(rows: Rows, past: ColumnElement[int], far: int, *, everybodys: bool) -> ScalarSelect[int]:
    """The same where `past` comes with each call: `far` is the limit in the text of the statement."""
    most = _many(everybodys) + past
    counted = _cut(rows.order_by(None).limit(up_to(far)).subquery(), most, everybodys)
    return _told(func.count(), func.count(), most).select_from(counted).scalar_subquery()


def different_up_to(rows: Rows, *, everybodys: bool = False) -> ScalarSelect[int]:
    """How many different rows there are among the first of them; to be read by `number`.

    To tell which rows are the same takes all of them, so that rows are what has an end.
    """
    most = _many(everybodys)
    first = _cut(rows.order_by(None).limit(up_to(_far(0))).subquery(), most, everybodys)
    each = select(func.count().label("times")).select_from(first).group_by(*first.c).subquery()
    looked_at = func.coalesce(func.sum(each.c.times), 0)
    return _told(func.count(), looked_at, most).select_from(each).scalar_subquery()


def number(counted: int) -> int:
    """What `up_to_many` or `different_up_to` has counted: the number, or that there are at least so many."""
    return AtLeast(-counted) if counted < 0 else counted


def _many(everybodys: bool) -> ColumnElement[int]:
    return select(_agency(MANY, min(CROWD, MANY), GROWN).c.most).scalar_subquery() if everybodys else up_to(MANY)


@cache
def _agency(many: int, crowd: int, grown: int) -> CTE:
    """How far everybody's are counted here, found once for a statement that counts several of them."""
    deals: Select[Any] = (
        select(column("reltuples")).select_from(table("pg_class")).where(text("oid = 'deals'::regclass"))
    )
    most = case((deals.scalar_subquery() >= up_to(grown), up_to(crowd)), else_=up_to(many))
    return select(most.label("most")).cte("agency").prefix_with("MATERIALIZED", dialect="postgresql")


def _far(past: int) -> int:
    return MANY + past + 1


def _cut(first: Subquery, most: ColumnElement[int], everybodys: bool) -> Subquery:
    """Rows up to a limit that is found out when they are asked for; they have had one in the text, for the planner."""
    return select(first).limit(most + 1).subquery() if everybodys else first


def _told(found: ColumnElement[int], looked_at: ColumnElement[int], most: ColumnElement[int]) -> Select[int]:
    # Below nothing: so many or more.
    return select(case((looked_at > most, -func.least(found, most)), else_=found))


def far_enough(past: int) -> int:
    """A limit for `number` that is the same for many pages, so that not each of them has a statement of its own."""
    return MANY * -(-past // MANY) + MANY + 1


def counted_each(work: Callable[[ColumnElement[int]], Select[Any]], most: int) -> str:
    """The statement for how much of this work each of several people ($1) has; `most` is how far that is counted."""
    person = select(func.unnest(given(1, ARRAY(BigInteger))).label("id")).subquery()
    first = work(person.c.id).correlate(person).order_by(None).limit(up_to(most + 1)).subquery()
    counted = _told(func.count(), func.count(), up_to(most)).select_from(first).scalar_subquery()
    return ready(select(person.c.id, counted))


class Reach(Protocol):
    """What a repository reads and writes through: the session of a transaction, or the short way past it."""

    @property
    def session(self) -> AsyncSession: ...

    async def direct(self, statement: str, *values: Any) -> list[asyncpg.Record]: ...


class Repository:
    """A session and the shapes of reading; everything else is the aggregate's own."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def session(self) -> AsyncSession:
        return self._reach.session

    async def direct(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Run a statement of the short way (storage.direct); inside a transaction it sees what that has written."""
        return await self._reach.direct(statement, *values)

    async def one(self, statement: Select[T]) -> T | None:
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def many(self, statement: Select[T]) -> list[T]:
        return list((await self.session.execute(statement)).scalars())

    async def count(self, rows: Rows, past: int = 0, *, everybodys: bool = False) -> int:
        """How many rows there are, exactly or at least (models.values.at_least); `past` is the offset of the page."""
        counted = select(up_to_many(rows, past, everybodys=everybodys))
        return number((await self.session.execute(counted)).scalar_one())

    async def each(self, counted: Callable[[int], str], user_ids: Collection[int]) -> dict[int, int]:
        """How much of some work each of several people has, exactly or at least: by a statement of `counted_each`."""
        return {row[0]: number(row[1]) for row in await self.direct(counted(BUSY), list(user_ids))}
