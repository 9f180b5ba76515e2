"""Search by whatever people remember: name, phone, policy number, plate, VIN, deal number."""

from services.access import Service


class SearchService(Service):
    """One box for every kind of search."""
