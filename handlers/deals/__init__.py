"""Deals: lists by next touch, the card with everything, the journal, putting off and closing."""

from handlers.deals import cards as cards
from handlers.deals.expenses import dialog as expenses
from handlers.deals.journal import dialog as journal
from handlers.deals.object import dialog as insured_object
from handlers.deals.replies import router
from handlers.deals.windows import card, list_

router.include_routers(list_, card, journal, insured_object, expenses)

__all__ = ["cards", "router"]
