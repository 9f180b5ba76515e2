"""Policies that nobody has decided about: a page of them, and how many have ended (storage.listing)."""

from datetime import date
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, Select, select

from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness, Policy
from storage.direct import Joined, Shape, given, ready
from storage.listing import THIRD, VIEWER, one_page
from storage.repository import awaited, up_to_many

SHAPE: Final = Joined(
    Shape(Policy, "id", "number", "starts_on", "ends_on", "outcome"),
    deal=Joined(Shape(Deal, "id"), client=Shape(Client, "name")),
    line=Shape(LineOfBusiness, "name", "ladder", "steps"),
)


def _ending(scope: Scope, short: int, until: ColumnElement[date] | None) -> Select[*tuple[Any, ...]]:
    found = select(Policy.id, Policy.ends_on).where(
        awaited(Policy.deal_id, scope, viewer=VIEWER),
        Policy.outcome.is_(None),
        Policy.deleted_at.is_(None),
        # A trip that is over needs no decision: short policies are not renewed.
        Policy.ends_on - Policy.starts_on >= short - 1,
    )
    return found if until is None else found.where(Policy.ends_on <= until)


@cache
def statement(scope: Scope, short: int, limit: int, ceiling: int, *, bounded: bool) -> str:
    """The statement for what such a person may see, nearest end first (so what has ended is on top); where it is
    `bounded`, the last day comes with each call.
    """
    found = _ending(scope, short, given(THIRD, Date()) if bounded else None)
    return ready(
        one_page(Policy.id, found, ["ends_on", "id"], limit, ceiling, everybodys=scope.everything)
        .add_columns(*SHAPE.columns)
        .join(Deal, Deal.id == Policy.deal_id)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Policy.line_id)
    )


@cache
def number_until(scope: Scope, short: int, _far: int) -> str:
    """The statement for how many end until a day ($2); `_far` is how far they are counted."""
    found = _ending(scope, short, given(2, Date()))
    return ready(select(up_to_many(found, everybodys=scope.everything)).where(VIEWER.is_not(None)))
