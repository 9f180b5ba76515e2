"""Clients and their phones."""

from storage.repository import Repository


class Clients(Repository):
    pass
