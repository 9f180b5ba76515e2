"""A page of a list of open tasks and how many there are (storage.listing)."""

from functools import cache
from typing import Final

from sqlalchemy import ColumnElement, true

from models.enums import TaskFilter
from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness, Task
from storage.direct import Joined, Shape, ready
from storage.listing import VIEWER, one_page
from storage.repository import OPEN_TASK, awaited, in_ways

SHAPE: Final = Joined(
    Shape(Task, "id", "kind", "status", "due_at"),
    deal=Joined(Shape(Deal, "id", "title"), client=Shape(Client, "name"), line=Shape(LineOfBusiness, "name")),
)


def _ways(which: TaskFilter) -> list[ColumnElement[bool]]:
    """Why a task is wanted; what waits for others is wanted of one's own deals too, whoever has asked for it."""
    others, sold = Task.assignee_id != VIEWER, awaited(Task.deal_id, Scope(as_seller=True), viewer=VIEWER)
    ways: dict[TaskFilter, list[ColumnElement[bool]]] = {
        TaskFilter.MINE: [Task.assignee_id == VIEWER],
        TaskFilter.GIVEN: [others & (Task.author_id == VIEWER), others & sold],
        TaskFilter.ALL: [true()],
    }
    return ways[which]


@cache
def statement(scope: Scope, which: TaskFilter, limit: int, ceiling: int) -> str:
    """The statement for what such a person may see, by due: the overdue are first by nature."""
    found = in_ways(_ways(which), Task.id, Task.due_at, where=(OPEN_TASK, awaited(Task.deal_id, scope, viewer=VIEWER)))
    return ready(
        one_page(Task.id, found, ["due_at", "id"], limit, ceiling, everybodys=scope.everything)
        .add_columns(*SHAPE.columns)
        .join(Deal, Deal.id == Task.deal_id)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
    )
