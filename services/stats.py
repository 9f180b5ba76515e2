"""Numbers of the day for the admin."""

from services.access import Service


class StatsService(Service):
    """What an owner counts."""
