"""A new deal: from one line where the person types well, step by step where he does not."""

from handlers.new_deal.windows import dialog as router

__all__ = ["router"]
