"""Due rows: fired once when their time has come, answered in place."""

from services.access import ADMINS, Actor, Service, command
from storage.uow import Transaction


class ReminderService(Service):
    """What the clock does, and how people answer it."""

    @command(ADMINS)
    async def fire_due(self, tx: Transaction, actor: Actor, limit: int) -> int:  # noqa: ARG002
        """Fire up to `limit` reminders whose time has come; returns how many were taken, fired or found pointless."""
        return 0
