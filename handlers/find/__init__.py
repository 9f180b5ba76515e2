"""Search: one line, whatever it is."""

from handlers.find.windows import dialog as router

__all__ = ["router"]
