"""Variants of a calculation."""

from storage.repository import Repository


class Variants(Repository):
    pass
