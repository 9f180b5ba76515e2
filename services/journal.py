"""The journal of a deal: append-only notes and system events."""

from services.access import Service


class JournalService(Service):
    """What people write about a deal."""
