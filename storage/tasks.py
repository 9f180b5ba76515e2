"""Tasks and their history."""

from storage.repository import Repository


class Tasks(Repository):
    pass
