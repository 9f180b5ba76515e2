"""Insurers, lines of business with their ladders, commission rates."""

from services.access import Service


class DictionaryService(Service):
    """What an admin keeps in order for everybody."""
