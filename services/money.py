"""Money facts: the client paid, the insurer confirmed, commission came, an expense was paid out."""

from services.access import Service


class MoneyService(Service):
    """What people enter about money, each fact undoable for ten minutes."""
