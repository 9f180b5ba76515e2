"""For the admin: a backup now, how far it is, what came of it, and which lie there."""

from handlers.backup import cards as cards
from handlers.backup.commands import router

__all__ = ["cards", "router"]
