"""The screens: one package a feature, each with windows (what is seen), getters (what it needs), clicks (what a press
means). A feature exports `router`; features do not import each other, they start each other's states.
"""

from aiogram import Router

from handlers import dates, menu


def routers() -> list[Router]:
    """Every feature's router, in the order in which they are asked; the menu's catch-alls come last."""
    return [dates.router, menu.router]
