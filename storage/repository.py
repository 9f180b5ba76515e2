"""What the repositories share: a session, and who may see which deals, said once in SQL."""

from typing import Any, Protocol, TypeVar

import asyncpg
from sqlalchemy import ColumnElement, Select, exists, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from models.enums import ExpenseStatus, IncomeStatus, TaskStatus
from models.scope import Scope
from models.tables import Deal, Payment, Task

OPEN_TASK = Task.status.not_in([TaskStatus.DONE, TaskStatus.CANCELLED])
UNPAID = Payment.settled_on.is_(None) & Payment.waived_at.is_(None)
FORGOTTEN_INCOME = [IncomeStatus.REVERSED, IncomeStatus.WRITTEN_OFF]
FORGOTTEN_EXPENSE = [ExpenseStatus.REVERSED, ExpenseStatus.WRITTEN_OFF]
T = TypeVar("T")


def may_see_deal(scope: Scope, viewer: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """The deals inside a scope: a seller's own, an executor's where he is the executor or has an open task.

    `viewer` stands for the scope's person in a statement that is made once for everybody.
    """
    who = scope.user_id if viewer is None else viewer
    if scope.everything:
        return true()
    parts: list[ColumnElement[bool]] = []
    if scope.as_seller:
        parts.append(Deal.seller_id == who)
    if scope.as_executor:
        parts.append(Deal.executor_id == who)
        # Correlated with the deal alone: a statement about tasks has another task in its FROM.
        mine = exists().where(Task.deal_id == Deal.id, Task.assignee_id == who, OPEN_TASK)
        parts.append(mine.correlate(Deal))
    return or_(*parts) if parts else false()


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

    async def count(self, statement: Select[Any]) -> int:
        return (await self.session.execute(select(func.count()).select_from(statement.subquery()))).scalar_one()
