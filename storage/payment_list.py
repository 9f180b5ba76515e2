"""Instalments that are owed, or those of one deal or policy: a page of them, and how many are overdue
(storage.listing).
"""

from datetime import date
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, ColumnElement, Date, Select, select

from models.scope import Scope
from models.tables import Client, Deal, LineOfBusiness, Payment, Policy
from storage.direct import Joined, Shape, given, ready
from storage.listing import THIRD, VIEWER, one_page
from storage.repository import UNPAID, awaited, may_see_deal, of_live_policy, up_to_many

SHAPE: Final = Joined(
    Shape(Payment, "id", "seq", "due_on", "amount", "paid_amount", "waived_at"),
    policy=Joined(
        Shape(Policy, "id", "number"),
        deal=Joined(Shape(Deal, "id"), client=Shape(Client, "name")),
        line=Shape(LineOfBusiness, "name"),
    ),
)


def _owed(scope: Scope, before: ColumnElement[date] | None) -> Select[*tuple[Any, ...]]:
    found = select(Payment.id, Payment.due_on).where(
        awaited(Payment.deal_id, scope, viewer=VIEWER), UNPAID, of_live_policy(scope, VIEWER)
    )
    return found if before is None else found.where(Payment.due_on < before)


@cache
def owed(scope: Scope, limit: int, ceiling: int, *, bounded: bool) -> str:
    """The statement for what such a person may see, nearest first; where it is `bounded`, the day before which they are
    due comes with each call.
    """
    return _paged(scope, _owed(scope, given(THIRD, Date()) if bounded else None), limit, ceiling)


@cache
def of_one(scope: Scope, owner: Literal["deal_id", "policy_id"], limit: int, ceiling: int) -> str:
    """The statement for all instalments of a deal or of a policy, whose id comes with each call; paid ones too."""
    found = (
        select(Payment.id, Payment.due_on)
        .join(Payment.policy)
        .join(Policy.deal)
        .where(
            may_see_deal(scope, VIEWER),
            Policy.deleted_at.is_(None),
            getattr(Payment, owner) == given(THIRD, BigInteger()),
        )
    )
    return _paged(scope, found, limit, ceiling)


def _paged(scope: Scope, found: Select[*tuple[Any, ...]], limit: int, ceiling: int) -> str:
    return ready(
        one_page(Payment.id, found, ["due_on", "id"], limit, ceiling, everybodys=scope.everything)
        .add_columns(*SHAPE.columns)
        .join(Policy, Policy.id == Payment.policy_id)
        .join(Deal, Deal.id == Payment.deal_id)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Policy.line_id)
    )


@cache
def number_before(scope: Scope, _far: int) -> str:
    """The statement for how many are owed that were due before a day ($2); `_far` is how far they are counted."""
    found = _owed(scope, given(2, Date()))
    return ready(select(up_to_many(found, everybodys=scope.everything)).where(VIEWER.is_not(None)))
