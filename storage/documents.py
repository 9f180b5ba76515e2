"""Rows of documents; their bytes are in storage.files."""

from storage.repository import Repository


class Documents(Repository):
    pass
