"""What the repositories share: a session, and who may see which deals, said once in SQL."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, exists, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from models.enums import TaskStatus
from models.scope import Scope
from models.tables import Deal, Task

OPEN_TASK = Task.status.not_in([TaskStatus.DONE, TaskStatus.CANCELLED])
T = TypeVar("T")


def may_see_deal(scope: Scope) -> ColumnElement[bool]:
    """The deals inside a scope: a seller's own, an executor's where he is the executor or has an open task."""
    if scope.everything:
        return true()
    parts: list[ColumnElement[bool]] = []
    if scope.as_seller:
        parts.append(Deal.seller_id == scope.user_id)
    if scope.as_executor:
        parts.append(Deal.executor_id == scope.user_id)
        # Correlated with the deal alone: a statement about tasks has another task in its FROM.
        mine = exists().where(Task.deal_id == Deal.id, Task.assignee_id == scope.user_id, OPEN_TASK)
        parts.append(mine.correlate(Deal))
    return or_(*parts) if parts else false()


class Repository:
    """A session and the two shapes of reading; everything else is the aggregate's own."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def one(self, statement: Select[T]) -> T | None:
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def many(self, statement: Select[T]) -> list[T]:
        return list((await self.session.execute(statement)).scalars())

    async def count(self, statement: Select[Any]) -> int:
        return (await self.session.execute(select(func.count()).select_from(statement.subquery()))).scalar_one()
