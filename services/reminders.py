"""Due rows: fired once when their time has come, answered in place."""

from services.access import Service


class ReminderService(Service):
    """What the clock does, and how people answer it."""
