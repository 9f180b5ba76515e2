"""Policies with their payments, incomes, expenses and money moves."""

from storage.repository import Repository


class Policies(Repository):
    pass
