"""A page of a list of open tasks and how many there are, in one round trip, as `storage.deal_list` of deals."""

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, CompoundSelect, FromClause, select, true

from models.enums import TaskFilter
from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness, Task
from storage.direct import Shape, given, ready
from storage.repository import OPEN_TASK, awaited, in_ways, up_to_many_past

_task = Shape(Task, "id", "kind", "status", "due_at")
_deal = Shape(Deal, "id", "title")
_client, _line = Shape(Client, "name"), Shape(LineOfBusiness, "name")
_VIEWER, _OFFSET = given(1, BigInteger()), given(2, BigInteger())


def _ways(which: TaskFilter) -> list[ColumnElement[bool]]:
    """Why a task is wanted; what waits for others is wanted of one's own deals too, whoever has asked for it."""
    others, sold = Task.assignee_id != _VIEWER, awaited(Task.deal_id, Scope(as_seller=True), viewer=_VIEWER)
    ways: dict[TaskFilter, list[ColumnElement[bool]]] = {
        TaskFilter.MINE: [Task.assignee_id == _VIEWER],
        TaskFilter.GIVEN: [others & (Task.author_id == _VIEWER), others & sold],
        TaskFilter.ALL: [true()],
    }
    return ways[which]


@cache
def statement(scope: Scope, which: TaskFilter, limit: int, ceiling: int) -> str:
    """The statement for what such a person may see, by due (the overdue are first by nature); who he is ($1, for his id
    in the scope counts for nothing) and how many are passed over ($2) come with each call. `ceiling` as of deals.
    """

    def in_order(rows: FromClause) -> list[ColumnElement[Any]]:
        return [rows.c.due_at, rows.c.id]

    found = in_ways(_ways(which), Task.id, Task.due_at, where=(OPEN_TASK, awaited(Task.deal_id, scope, viewer=_VIEWER)))
    keys = found.cte("keys") if isinstance(found, CompoundSelect) else found.subquery()
    near = select(keys).order_by(*in_order(keys)).limit(ceiling).subquery()
    page = select(near).order_by(*in_order(near)).offset(_OFFSET).limit(limit).subquery()
    counted = select(keys.c.id) if isinstance(found, CompoundSelect) else found
    return ready(
        select(
            up_to_many_past(counted, _OFFSET, ceiling, everybodys=scope.everything),
            *(column for shape in (_task, _deal, _client, _line) for column in shape.columns),
        )
        .select_from(page)
        .join(Task, Task.id == page.c.id)
        .join(Deal, Deal.id == Task.deal_id)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
        .where(_VIEWER.is_not(None))
        .order_by(*in_order(page))
    )


def read(found: Any) -> Task:
    """A task with its deal, client and line from a row of the statement, outside any session."""
    values = list(found)[1:]
    deal, client, line = len(_task), len(_task) + len(_deal), len(_task) + len(_deal) + len(_client)
    about = _deal.row(values[deal:client], client=_client.row(values[client:line]), line=_line.row(values[line:]))
    return _task.row(values[:deal], deal=about)
