"""Policies: registered, looked at, renewed, refused, cancelled, corrected."""

from handlers.policies.windows import router

__all__ = ["router"]
