"""The main menu, /start, /help, /cancel and whatever nobody else understood."""

from handlers.menu.commands import commands
from handlers.menu.stray import router
from handlers.menu.windows import dialog

router.include_router(dialog)

__all__ = ["commands", "router"]
