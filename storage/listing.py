"""A page of a list and how many there are, in one round trip: the way of all lists that people turn over
(docs/adr/0010 and 0011).
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import CTE, BigInteger, ColumnElement, CompoundSelect, FromClause, Select, select
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

from storage.direct import Joined, given
from storage.repository import Repository, Rows, number, up_to_many_past

VIEWER, OFFSET = given(1, BigInteger()), given(2, BigInteger())
"""Who looks, for his id in a scope counts for nothing, and how many are passed over; what a list is asked besides comes
from the third place on.
"""
THIRD: Final = 3

RowT = TypeVar("RowT", bound=DeclarativeBase)


def one_page(
    key: InstrumentedAttribute[int],
    found: Rows,
    by: Sequence[str],
    limit: int,
    ceiling: int,
    *,
    everybodys: bool,
    descending: bool = False,
) -> Select[*tuple[Any, ...]]:
    """How many rows were found, and the tables' own rows of a page of them: to be joined to what they lead to.

    What was found are the keys of these rows, as `id`, with the columns that they are ordered by. `ceiling` is how far
    they are counted. It stands in the text: for a limit that comes later the planner counts on a tenth of the table.
    """

    def in_order(rows: FromClause) -> list[ColumnElement[Any]]:
        return [rows.c[name].desc() if descending else rows.c[name] for name in by]

    # The page is chosen from the index alone; only its own rows are read from the table.
    # Several ways to see rows are united whole before the first is known: then that is done once for both.
    keys = found.cte("keys") if isinstance(found, CompoundSelect) else found.subquery()
    # No page is looked for beyond what is counted: told so, a plan for any offset is as good as one for this offset.
    near = select(keys).order_by(*in_order(keys)).limit(ceiling).subquery()
    page = select(near).order_by(*in_order(near)).offset(OFFSET).limit(limit).subquery()
    counted = select(keys.c.id) if isinstance(keys, CTE) else found
    return (
        select(up_to_many_past(counted, OFFSET, ceiling, everybodys=everybodys))
        .select_from(page)
        .join(key.class_, key == page.c.id)
        # Whoever sees everything is given as well, so that there is one way to call it.
        .where(VIEWER.is_not(None))
        .order_by(*in_order(page))
    )


async def listed(
    asked: Repository, statement: str, shape: Joined[RowT], viewer_id: int, offset: int, *more: Any
) -> tuple[list[RowT], int]:
    """The rows of a page of such a list, outside any session, and how many there are: their first column."""
    rows = await asked.direct(statement, viewer_id, offset, *more)
    # Behind the last page: how many there are stands beside the rows of the first.
    told = rows or (await asked.direct(statement, viewer_id, 0, *more) if offset else [])
    return [shape.row(row[1:]) for row in rows], number(told[0][0]) if told else 0
