"""The main menu, /start, /help, /cancel and whatever nobody else understood."""

from aiogram import Router

from handlers.menu.commands import commands
from handlers.menu.stray import stray
from handlers.menu.windows import dialog

__all__ = ["commands", "router"]

router = Router(name="menu")
router.include_routers(dialog, stray)
