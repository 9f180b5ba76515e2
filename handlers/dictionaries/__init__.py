"""Dictionaries that an admin keeps: insurers, lines of business with their ladders, commission rates."""

from aiogram import Router

from handlers.dictionaries.insurers import dialog as insurers
from handlers.dictionaries.lines import dialog as lines
from handlers.dictionaries.rates import dialog as rates

router = Router(name="dictionaries")
router.include_routers(insurers, lines, rates)

__all__ = ["router"]
