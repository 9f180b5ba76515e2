"""A page of a list of deals and how many there are: the screen between two cards (storage.listing). And the deals of a
client, which are few.
"""

from functools import cache
from typing import Final

from sqlalchemy import BigInteger, Date, select

from models.enums import DealStage
from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness
from storage.direct import Joined, Shape, given, ready
from storage.listing import THIRD, VIEWER, one_page
from storage.repository import may_see_deal, seen

SHAPE: Final = Joined(
    Shape(Deal, "id", "number", "stage", "review_on", "title"),
    client=Shape(Client, "kind", "name"),
    line=Shape(LineOfBusiness, "code", "name"),
)

OF_CLIENT: Final = Joined(
    Shape(Deal, "id", "number", "stage", "title", "line_id"), line=Shape(LineOfBusiness, "code", "name")
)


@cache
def statement(scope: Scope, stage: DealStage | None, when: str | None, limit: int, ceiling: int) -> str:
    """The statement for what such a person may see; the day that `when` is about comes with each call."""
    closed = stage is DealStage.CLOSED
    where = [Deal.stage == stage if closed else Deal.stage != DealStage.CLOSED]
    if stage is not None and not closed:
        where.append(Deal.stage == stage)
    if when is not None:
        day = given(THIRD, Date())
        where.append(Deal.review_on < day if when == "before" else Deal.review_on == day)
    key = (Deal.closed_at if closed else Deal.review_on).label("key")
    found = seen(scope, Deal.id, key, where=tuple(where), viewer=VIEWER)
    # Those of one day are in the index by their ids: sorted by the day as well a thousand would be read first.
    by = ["id"] if when == "on" and not closed else ["key", "id"]
    return ready(
        one_page(Deal.id, found, by, limit, ceiling, descending=closed, everybodys=scope.everything)
        .add_columns(*SHAPE.columns)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
    )


@cache
def of_client(scope: Scope, limit: int) -> str:
    """The statement for what such a person ($1) may see of a client ($2)."""
    return ready(
        select(*OF_CLIENT.columns)
        .select_from(Deal)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
        # Whoever sees everything is given as well, so that there is one way to call it.
        .where(Deal.client_id == given(2, BigInteger()), VIEWER.is_not(None), may_see_deal(scope, VIEWER))
        .order_by(Deal.stage == DealStage.CLOSED, Deal.review_on, Deal.id.desc())
        .limit(limit)
    )
