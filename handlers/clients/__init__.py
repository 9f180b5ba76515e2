"""Clients: by name, one with his deals, corrected and merged."""

from aiogram import Router

from handlers.clients.windows import card, list_

router = Router(name="clients")
router.include_routers(list_, card)

__all__ = ["router"]
