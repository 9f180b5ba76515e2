"""Due rows: planned, claimed by a tick with SKIP LOCKED, answered or cancelled."""

from storage.repository import Repository


class Reminders(Repository):
    pass
