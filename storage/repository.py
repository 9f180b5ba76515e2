"""What the repositories share: a session, who may see which deals, said once in SQL, and counting that has an end."""

from collections.abc import Callable, Collection
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
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
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

OPEN_DEAL = Deal.stage != DealStage.CLOSED
OPEN_TASK = Task.status.not_in([TaskStatus.DONE, TaskStatus.CANCELLED])
UNPAID = Payment.settled_on.is_(None) & Payment.waived_at.is_(None)
FORGOTTEN_INCOME = [IncomeStatus.REVERSED, IncomeStatus.WRITTEN_OFF]
FORGOTTEN_EXPENSE = [ExpenseStatus.REVERSED, ExpenseStatus.WRITTEN_OFF]
MANY: Final = 1000
"""How far a list is counted beyond the page that is looked at: nobody reads a longer number, and no screen waits."""
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


def among(deal_id: InstrumentedAttribute[int], scope: Scope, *where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Rows of the deals inside a scope, looked up from the person's deals; `where` is about these.

    As an array: the planner would else be tempted to walk everybody's rows in the order of the list until a page is
    full, which for a person with a thousandth of them is a walk through all.
    """
    if scope.everything:
        return true()
    return deal_id == any_(func.array(seen(scope, Deal.id, where=where).scalar_subquery()))


def awaited(deal_id: InstrumentedAttribute[int], scope: Scope, deals: CTE | None = None) -> ColumnElement[bool]:
    """Open tasks, undecided policies and unpaid instalments inside a scope, looked up from the person's open deals:
    from `open_deals` where a statement has them.

    A closed deal has none of them (services.deals.close), so that of everybody's no deal is looked up.
    """
    if deals is None or scope.everything:
        return among(deal_id, scope, OPEN_DEAL)
    return deal_id == any_(func.array(select(deals.c.id).scalar_subquery()))


def open_deals(scope: Scope) -> CTE:
    """The open deals inside a scope (id, review_on, updated_at), for a statement that asks of them more than once.

    A person's are looked up once; of everybody's each part of the statement looks for its own.
    """
    found = seen(scope, Deal.id, Deal.review_on, Deal.updated_at, where=(OPEN_DEAL,)).cte("open_deals")
    return found.prefix_with("NOT MATERIALIZED" if scope.everything else "MATERIALIZED", dialect="postgresql")


def among_first(key: InstrumentedAttribute[int], rows: Rows, most: int) -> ColumnElement[bool]:
    """Rows with one of the first `most` keys of others, which are found before anything is asked of their rows.

    As an array, too: joined, the planner has ranked every name of the agency and then thrown most of them away.
    """
    return key == any_(func.array(rows.limit(up_to(most)).scalar_subquery()))


def of_live_policy(scope: Scope) -> ColumnElement[bool]:
    """Payments of policies that are not deleted: by what little is deleted, for an index holds these alone."""
    deleted = select(Policy.id).where(Policy.deleted_at.is_not(None), among(Policy.deal_id, scope)).correlate(None)
    return Payment.policy_id.not_in(deleted)


def up_to(most: int) -> ColumnElement[int]:
    """A limit of the code's own, said in the text: a plan that is made once for all parameters would count on a tenth
    of the table.
    """
    return literal_column(str(most), Integer)


def up_to_many(rows: Rows, past: int = 0) -> ScalarSelect[int]:
    """The number of rows, counted so far and no further; to be read by `number`."""
    return _counted(rows, _ceiling(past))


def different_up_to(rows: Rows, most: int) -> Subquery:
    """How many different rows there are among the first of them, and how many these are; to be read by `different`.

    One row of two columns: to tell which rows are the same takes all of them, so that those are what has an end.
    """
    first = rows.order_by(None).limit(up_to(most + 1)).subquery()
    each = select(func.count().label("times")).select_from(first).group_by(*first.c).subquery()
    return select(func.count().label("found"), func.coalesce(func.sum(each.c.times), 0).label("looked_at")).subquery()


def different(found: int, looked_at: int, most: int) -> int:
    """What `different_up_to` has counted: the number, or that there are at least so many."""
    return AtLeast(min(found, most)) if looked_at > most else found


def number(counted: int, past: int = 0) -> int:
    """What `up_to_many` has counted: the number, or that there are at least so many."""
    return _told(counted, _ceiling(past))


def far_enough(past: int) -> int:
    """A limit for `number` that is the same for many pages, so that not each of them has a statement of its own."""
    return MANY * -(-past // MANY) + MANY + 1


def on_page(key: InstrumentedAttribute[int], found: Rows, by: str, offset: int, limit: int) -> ColumnElement[bool]:
    """Rows of a page of what was found, in the order of one of its columns and then of its `id`.

    They are looked for no further than they are counted, and given as an array: told so, a plan for any offset is as
    good as one for this offset, and is made once.
    """
    keys = found.subquery()
    near = select(keys).order_by(keys.c[by], keys.c.id).limit(up_to(far_enough(offset))).subquery()
    page = select(near.c.id).order_by(near.c[by], near.c.id).offset(offset).limit(up_to(limit))
    return key == any_(func.array(page.scalar_subquery()))


def _ceiling(past: int) -> int:
    return MANY + past


def _counted(rows: Rows, ceiling: int) -> ScalarSelect[int]:
    counted = rows.order_by(None).limit(up_to(ceiling + 1)).subquery()
    return select(func.count()).select_from(counted).scalar_subquery()


def _told(counted: int, ceiling: int) -> int:
    return counted if counted <= ceiling else AtLeast(ceiling)


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

    async def count(self, rows: Rows, past: int = 0) -> int:
        """How many rows there are, exactly or at least (models.values.at_least); `past` is the offset of the page."""
        return number((await self.session.execute(select(up_to_many(rows, past)))).scalar_one(), past)

    async def each(
        self, work: Callable[[ColumnElement[int]], Select[Any]], user_ids: Collection[int]
    ) -> dict[int, int]:
        """How much of this work each of several people has, exactly or at least, in one round trip."""
        person = select(func.unnest(cast(list(user_ids), ARRAY(BigInteger))).label("id")).subquery()
        counted = _counted(work(person.c.id).correlate(person), BUSY)
        rows = await self.session.execute(select(person.c.id, counted))
        return {user_id: _told(found, BUSY) for user_id, found in rows.all()}
