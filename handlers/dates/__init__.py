"""Asking for a date: by chips, by the calendar, by typing."""

from handlers.dates.windows import router

__all__ = ["router"]
