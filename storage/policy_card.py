"""What the card of a policy shows but for its sums, in one round trip (docs/adr/0010)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Select, func, select
from sqlalchemy.orm import aliased

from models.scope import Scope
from models.tables import Client, Deal, Document, Insurer, LineOfBusiness, Payment, Policy, User
from storage.direct import Joined, Several, Shape, given, ready
from storage.repository import may_see_deal


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """The rows of a card, outside any session: a policy with its payments and what it leads to, its neighbours, how
    many files it has, and who registered it.
    """

    policy: Policy
    previous: Policy | None
    successor: Policy | None
    files: int
    registered_by: str


_LED_TO: Final[dict[str, Shape[Any] | Joined[Any]]] = {
    "deal": Joined(
        Shape(Deal, "id", "number", "title", "stage", "outcome", "seller_id", "executor_id", "renewal_of_id"),
        client=Shape(Client, "id", "kind", "name"),
    ),
    "insurer": Shape(Insurer, "id", "name"),
    "line": Shape(LineOfBusiness, "id", "code", "name", "ladder", "steps"),
}
# Not everybody who sees a policy may know what the agency earns on it.
_bare = Shape(Policy, without=("rate_kind", "rate_value"))
POLICY: Final = Joined(_bare, **_LED_TO)

_ID, _VIEWER = given(1, BigInteger()), given(2, BigInteger())
_OTHER = aliased(Policy)
_policy = Joined(
    _bare,
    **_LED_TO,
    payments=Several(select(Payment).where(Payment.policy_id == Policy.id).order_by(Payment.seq), Shape(Payment)),
)
_other = Shape(Policy, "id", "number", entity=_OTHER)
_OTHERS = select(_OTHER).where(_OTHER.deleted_at.is_(None))
_previous = Several(_OTHERS.where(_OTHER.id == Policy.previous_policy_id), _other)
_successor = Several(_OTHERS.where(_OTHER.previous_policy_id == Policy.id).order_by(_OTHER.id.desc()).limit(1), _other)


def led_on(rows: Select[*tuple[Any, ...]], scope: Scope) -> Select[*tuple[Any, ...]]:
    """Rows of policies, or of what hangs on them, with what those lead to: of what such a person ($2) may see."""
    return (
        rows.join(Deal, Deal.id == Policy.deal_id)
        .join(Client, Client.id == Deal.client_id)
        .join(Insurer, Insurer.id == Policy.insurer_id)
        .join(LineOfBusiness, LineOfBusiness.id == Policy.line_id)
        # Whoever sees everything is given as well, so that there is one way to call it.
        .where(Policy.deleted_at.is_(None), _VIEWER.is_not(None), may_see_deal(scope, _VIEWER))
    )


@cache
def statement(scope: Scope) -> str:
    """The statement for what such a person may see; the policy ($1) and who he is ($2) come with each call."""
    files = select(func.count()).where(Document.policy_id == Policy.id, Document.deleted_at.is_(None))
    columns = *_policy.columns, *_previous.columns, *_successor.columns, files.scalar_subquery(), User.full_name
    rows = select(*columns).select_from(Policy).join(User, User.id == Policy.registered_by_id).where(Policy.id == _ID)
    return ready(led_on(rows, scope))


@cache
def heading(scope: Scope) -> str:
    """The statement for a policy alone with what it leads to (`POLICY`)."""
    return ready(led_on(select(*POLICY.columns).select_from(Policy).where(Policy.id == _ID), scope))


def read(found: Sequence[Any]) -> PolicyCard:
    """The card from the one row that the statement has fetched."""
    *policy, previous, successor, files, registered_by = found
    return PolicyCard(
        policy=_policy.row(policy),
        previous=next(iter(_previous.row([previous])), None),
        successor=next(iter(_successor.row([successor])), None),
        files=files,
        registered_by=registered_by,
    )
