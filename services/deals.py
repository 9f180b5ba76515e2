"""Deals: opened, looked at, postponed, closed and reopened."""

from services.access import ANYBODY, Actor, Service, query
from services.errors import NotFound
from storage.uow import Transaction


class DealService(Service):
    """What people do with a deal as a whole."""

    @query(ANYBODY)
    async def find_number(self, tx: Transaction, actor: Actor, number: int) -> int:
        """The id of the deal with this number. Raises NotFound."""
        deal = await tx.deals.by_number(actor.scope, number)
        if deal is None:
            raise NotFound
        return deal.id
