"""The main menu, /start, /help, /cancel and whatever nobody else understood."""

from handlers.menu.windows import router

__all__ = ["router"]
