"""Payments: lists of what is due, one instalment with everything entered about it."""

from handlers.payments.windows import router

__all__ = ["router"]
