"""A page of a list of open tasks and how many there are (storage.listing)."""

from functools import cache
from typing import Final

from sqlalchemy import ColumnElement, exists, true

from models.enums import TaskFilter
from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness, Task
from storage.direct import Joined, Shape, ready
from storage.listing import VIEWER, one_page
from storage.repository import OPEN_TASK, awaited, in_ways, may_see_deal

SHAPE: Final = Joined(
    Shape(Task, "id", "kind", "status", "due_at"),
    deal=Joined(Shape(Deal, "id", "title"), client=Shape(Client, "name"), line=Shape(LineOfBusiness, "name")),
)


def _ways(scope: Scope, which: TaskFilter) -> list[ColumnElement[bool]]:
    """Why a task is wanted; what waits for others is wanted of one's own deals too, whoever has asked for it."""
    others, sold = Task.assignee_id != VIEWER, awaited(Task.deal_id, Scope(as_seller=True), viewer=VIEWER)
    visible = awaited(Task.deal_id, scope, viewer=VIEWER)
    # What somebody has asked for is looked at one by one: most have asked for little, and some have many deals.
    asked = (Task.author_id == VIEWER) & (true() if scope.everything else _one_by_one(scope))
    ways: dict[TaskFilter, list[ColumnElement[bool]]] = {
        TaskFilter.MINE: [visible & (Task.assignee_id == VIEWER)],
        TaskFilter.GIVEN: [others & asked, others & sold & visible],
        TaskFilter.ALL: [visible],
    }
    return ways[which]


def _one_by_one(scope: Scope) -> ColumnElement[bool]:
    return exists().where(Deal.id == Task.deal_id, may_see_deal(scope, VIEWER)).correlate(Task)


@cache
def statement(scope: Scope, which: TaskFilter, limit: int, ceiling: int) -> str:
    """The statement for what such a person may see, by due: the overdue are first by nature."""
    found = in_ways(_ways(scope, which), Task.id, Task.due_at, where=(OPEN_TASK,))
    return ready(
        one_page(Task.id, found, ["due_at", "id"], limit, ceiling, everybodys=scope.everything)
        .add_columns(*SHAPE.columns)
        .join(Deal, Deal.id == Task.deal_id)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
    )
