"""Clients: found or made on the spot, duplicates warned about, merged with all children."""

from services.access import Service


class ClientService(Service):
    """What a seller does with his clients."""
