"""The day walked card by card: /today, and «Start» under the morning digest."""

from handlers.today.windows import router

__all__ = ["router"]
