"""Journal entries."""

from storage.repository import Repository


class Journal(Repository):
    pass
