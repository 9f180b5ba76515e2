"""Deals, seen through a scope."""

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from models.scope import Scope
from models.tables import Client, Deal
from storage.repository import Repository, may_see_deal


def visible_deals(scope: Scope) -> Select[Deal]:
    """The base of every statement about deals: what is outside the scope does not exist."""
    return select(Deal).where(may_see_deal(scope))


class Deals(Repository):
    async def get(self, scope: Scope, deal_id: int) -> Deal | None:
        """One deal with its client and phones, line, seller and executor."""
        return await self.one(
            visible_deals(scope)
            .where(Deal.id == deal_id)
            .options(
                joinedload(Deal.client).selectinload(Client.phones),
                joinedload(Deal.line),
                joinedload(Deal.seller),
                joinedload(Deal.executor),
            )
        )

    async def lock(self, scope: Scope, deal_id: int) -> Deal | None:
        """One deal, held until the transaction ends; no relations."""
        return await self.one(visible_deals(scope).where(Deal.id == deal_id).with_for_update(of=Deal))

    async def by_number(self, scope: Scope, number: int) -> Deal | None:
        return await self.one(visible_deals(scope).where(Deal.number == number))
