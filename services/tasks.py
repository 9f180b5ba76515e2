"""Tasks: given, accepted, asked about, finished, returned, cancelled."""

from services.access import Service


class TaskService(Service):
    """What a seller asks of an executor, and what becomes of it."""
