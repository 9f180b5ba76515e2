"""People: invited, given roles, blocked, their work handed over."""

from handlers.people import cards as cards
from handlers.people.commands import router
from handlers.people.handover import dialog as deal_handover
from handlers.people.invites import dialog as invites
from handlers.people.windows import dialog

router.include_routers(dialog, invites, deal_handover)

__all__ = ["cards", "router"]
