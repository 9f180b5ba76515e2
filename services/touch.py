"""The law of the product: every open deal shows exactly one next touch — a date, a reason and a person."""

from models.tables import Deal
from storage.uow import Transaction


async def recompute(tx: Transaction, deal: Deal) -> None:
    """Set the deal's next review date from its unpaid payments, its policies that end and a date set by hand.

    To be called inside every transaction that changes a policy, a payment or the stage of a deal.
    """
