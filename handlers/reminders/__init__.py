"""Reminders and the morning digest as messages, answered in place."""

from handlers.reminders import cards, digest
from handlers.reminders.answers import router
from handlers.reminders.dates import dialog

router.include_routers(digest.router, dialog)

__all__ = ["cards", "digest", "router"]
