"""A page of a list of deals and how many there are, in one round trip: the screen between two cards (docs/adr/0010)."""

from functools import cache
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, CompoundSelect, Date, FromClause, select

from models.enums import DealStage
from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness
from storage.direct import Shape, given, ready
from storage.repository import seen, up_to_many_past

_deal = Shape(Deal, "id", "number", "stage", "review_on", "title")
_client = Shape(Client, "kind", "name")
_line = Shape(LineOfBusiness, "code", "name")


@cache
def statement(scope: Scope, stage: DealStage | None, when: str | None, limit: int, ceiling: int) -> str:
    """The statement for what such a person may see; who he is ($1, for his id in the scope counts for nothing), how
    many are passed over ($2), and the day that `when` is about ($3) come with each call.

    `ceiling` is how far deals are counted. It stands in the text: for a limit that comes later the planner counts on a
    tenth of the table.
    """

    def in_order(rows: FromClause) -> list[ColumnElement[Any]]:
        if closed:
            return [rows.c.key.desc(), rows.c.id.desc()]
        # Those of one day are in the index by their ids: sorted by the day as well a thousand would be read first.
        return [rows.c.id] if when == "on" else [rows.c.key, rows.c.id]

    viewer, offset = (given(place, BigInteger()) for place in (1, 2))
    closed = stage is DealStage.CLOSED
    where = [Deal.stage == stage if closed else Deal.stage != DealStage.CLOSED]
    if stage is not None and not closed:
        where.append(Deal.stage == stage)
    if when is not None:
        day = given(3, Date())
        where.append(Deal.review_on < day if when == "before" else Deal.review_on == day)
    # The page is chosen from the index alone; only its own rows are read from the table.
    key = (Deal.closed_at if closed else Deal.review_on).label("key")
    found = seen(scope, Deal.id, key, where=tuple(where), viewer=viewer)
    # Several ways to see deals are united whole before the first is known: then that is done once for both.
    keys = found.cte("keys") if isinstance(found, CompoundSelect) else found.subquery()
    # No page is looked for beyond what is counted: told so, a plan for any offset is as good as one for this offset.
    near = select(keys).order_by(*in_order(keys)).limit(ceiling).subquery()
    page = select(near).order_by(*in_order(near)).offset(offset).limit(limit).subquery()
    counted = select(keys.c.id) if isinstance(keys, CTE) else found
    return ready(
        select(
            up_to_many_past(counted, offset, ceiling, everybodys=scope.everything),
            *(column for shape in (_deal, _client, _line) for column in shape.columns),
        )
        .select_from(page)
        .join(Deal, Deal.id == page.c.id)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
        # Whoever sees everything is given as well, so that there is one way to call it.
        .where(viewer.is_not(None))
        .order_by(*in_order(page))
    )


def read(found: Any) -> Deal:
    """A deal with its client and line from a row of the statement, outside any session."""
    values = list(found)[1:]
    client, line = len(_deal), len(_deal) + len(_client)
    return _deal.row(values[:client], client=_client.row(values[client:line]), line=_line.row(values[line:]))
